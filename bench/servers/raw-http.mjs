/** As much of an HTTP server as the canned queue needs. Requests are trusted to be whole, in order and not chunked. */
import { once } from "node:events";
import { createServer } from "node:net";

/**
 * @typedef {object} RawRequest
 * @property {string} action such as `ReceiveMessage`
 * @property {string} input JSON
 */

/** @typedef {{ status: string, body: string }} RawReply `status` such as `200 OK`; the body is ASCII JSON */

const HEAD_END = "\r\n\r\n";

/**
 * Listens on a free port of 127.0.0.1.
 * @param {(request: RawRequest) => Promise<RawReply>} answer
 * @returns {Promise<string>} the endpoint
 */
export async function listenRaw(answer) {
  const server = createServer({ noDelay: true }, (socket) => {
    /** @type {Buffer} */
    let pending = Buffer.alloc(0);
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
      for (let size = requestSize(pending); size !== null; size = requestSize(pending)) {
        const request = pending.toString("latin1", 0, size);
        pending = pending.subarray(size);
        void answer(parsed(request)).then((reply) => socket.writable && socket.write(serialized(reply), "latin1"));
      }
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return `http://127.0.0.1:${port}`;
}

/**
 * Of the first request in the bytes; null: it is not all there.
 * @param {Buffer} bytes
 */
function requestSize(bytes) {
  const headEnd = bytes.indexOf(HEAD_END);
  if (headEnd < 0) return null;
  const length = /\r\ncontent-length: *(\d+)/i.exec(bytes.toString("latin1", 0, headEnd));
  const size = headEnd + HEAD_END.length + Number(length?.[1] ?? 0);
  return bytes.length < size ? null : size;
}

/**
 * @param {string} request
 * @returns {RawRequest}
 */
function parsed(request) {
  const bodyAt = request.indexOf(HEAD_END) + HEAD_END.length;
  const action = /\r\nx-amz-target: *AmazonSQS\.(\w+)/i.exec(request.slice(0, bodyAt))?.[1] ?? "";
  return { action, input: request.slice(bodyAt) };
}

/** @param {RawReply} reply */
function serialized({ status, body }) {
  const head = `content-type: application/x-amz-json-1.0\r\ndate: ${dateText()}\r\ncontent-length: ${body.length}`;
  return `HTTP/1.1 ${status}\r\n${head}${HEAD_END}${body}`;
}

/** Made once a second. */
let date = { second: 0, text: "" };

function dateText() {
  const second = Math.floor(Date.now() / 1_000);
  if (date.second !== second) date = { second, text: new Date(second * 1_000).toUTCString() };
  return date.text;
}
