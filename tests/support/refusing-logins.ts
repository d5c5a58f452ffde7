/** What makes the table `user_logins` refuse the rows of two users, under a code that might speak of the whole table. */
export interface RefusingTable {
  readonly what: string;
  readonly ddl: string;
  readonly reason: string;
  /** Through a role that owns nothing. */
  readonly asRole?: true;
}

export const REFUSED_USERS: readonly string[] = ["user-0", "user-1"];

const USERS = REFUSED_USERS.map((user) => `'${user}'`).join(", ");

const raised = (what: string, statement: string): RefusingTable => ({
  what,
  ddl: `
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF NEW.user_id IN (${USERS}) THEN ${statement} END IF;
      RETURN NEW;
    END $$;
    CREATE TRIGGER refuse BEFORE INSERT ON user_logins FOR EACH ROW EXECUTE PROCEDURE refuse()`,
  reason: "database.trigger",
});

export const REFUSING_TABLES: readonly RefusingTable[] = [
  raised("RAISE (P0001)", "RAISE 'no';"),
  raised("check_violation of no constraint (23514)", "RAISE 'no' USING ERRCODE = 'check_violation';"),
  {
    what: "a view's CHECK OPTION (44000)",
    ddl: `
      ALTER TABLE user_logins RENAME TO stored;
      CREATE VIEW user_logins AS SELECT * FROM stored WHERE user_id NOT IN (${USERS}) WITH CHECK OPTION`,
    reason: "database.view",
  },
  {
    what: "a missing partition (23514)",
    ddl: `
      ALTER TABLE user_logins RENAME TO before;
      CREATE TABLE user_logins (LIKE before) PARTITION BY RANGE (user_id);
      CREATE TABLE others PARTITION OF user_logins FOR VALUES FROM ('user-2') TO (MAXVALUE)`,
    reason: "database.partition",
  },
  {
    what: "row-level security (42501)",
    ddl: `
      ALTER TABLE user_logins ENABLE ROW LEVEL SECURITY;
      CREATE POLICY fits ON user_logins FOR INSERT WITH CHECK (user_id NOT IN (${USERS}))`,
    reason: "database.policy",
    asRole: true,
  },
];

/** What a role needs for a run, a replay and a redrive, in statements. */
export const grantsTo = (role: string): string => `
  GRANT USAGE ON SCHEMA piipe TO ${role};
  GRANT ALL ON ALL TABLES IN SCHEMA piipe TO ${role};
  GRANT ALL ON ALL SEQUENCES IN SCHEMA piipe TO ${role};
  GRANT ALL ON user_logins TO ${role}`;
