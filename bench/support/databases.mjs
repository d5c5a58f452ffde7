/** Databases on the local PostgreSQL: a new one for each run, copied from one that `piipe migrate` has prepared. */
import pg from "pg";
import { startPiipe } from "./program.mjs";

/**
 * A pipeline and its table.
 * @typedef {object} PipelineFiles
 * @property {string} name in letters
 * @property {string} config path of its piipe.yaml
 * @property {string} table
 * @property {string} [sql] makes the table; default: `piipe migrate` does
 */

export class Databases {
  #serverUrl;
  /** @type {Set<string>} */
  #templates = new Set();
  #made = 0;

  /** @param {string} serverUrl */
  constructor(serverUrl) {
    this.#serverUrl = serverUrl;
  }

  /**
   * @param {PipelineFiles} pipeline
   * @param {Readonly<Record<string, string>>} environment of the pipeline, without the database's URL
   * @returns {Promise<string>} the URL
   */
  async create(pipeline, environment) {
    const template = `template_${pipeline.name}`;
    if (!this.#templates.has(template)) {
      await query(this.#serverUrl, `CREATE DATABASE ${template}`);
      const url = this.#urlOf(template);
      if (pipeline.sql !== undefined) await query(url, pipeline.sql);
      const migration = await startPiipe(["migrate", "--config", pipeline.config], {
        ...environment,
        DATABASE_URL: url,
      });
      await migration.ended;
      this.#templates.add(template);
    }
    this.#made += 1;
    const name = `run_${this.#made}`;
    await query(this.#serverUrl, `CREATE DATABASE ${name} TEMPLATE ${template}`);
    return this.#urlOf(name);
  }

  /** @param {string} url */
  async drop(url) {
    await query(this.#serverUrl, `DROP DATABASE ${new URL(url).pathname.slice(1)} WITH (FORCE)`);
  }

  /** @param {string} name */
  #urlOf(name) {
    const url = new URL(this.#serverUrl);
    url.pathname = `/${name}`;
    return url.href;
  }
}

/**
 * On a connection of its own.
 * @param {string} url
 * @param {string} text
 * @param {readonly unknown[]} values
 * @returns {Promise<any[]>}
 */
export async function query(url, text, values = []) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(text, [...values])).rows;
  } finally {
    await client.end();
  }
}

/**
 * @param {string} url
 * @param {string} table
 * @returns {Promise<number>}
 */
export async function countRows(url, table) {
  const [row] = await query(url, `SELECT count(*)::integer AS rows FROM ${table}`);
  return row.rows;
}
