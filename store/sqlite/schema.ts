/** What `PRAGMA user_version` says in a file of this layout. */
export const schemaVersion = 2;

/**
 * The tables. Clustered on their keys (WITHOUT ROWID), so that a page of a log and the fields of an entity lie together.
 * Times are milliseconds since 1970 by the store's time.
 */
export const schema = `
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE fences (shard INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, owner TEXT NOT NULL,
  last INTEGER NOT NULL, last_epoch INTEGER NOT NULL);
CREATE TABLE events (shard INTEGER, log TEXT, seq INTEGER, event TEXT NOT NULL,
  PRIMARY KEY (shard, log, seq)) WITHOUT ROWID;
CREATE TABLE fields (shard INTEGER, entity TEXT, field TEXT, value TEXT NOT NULL,
  PRIMARY KEY (shard, entity, field)) WITHOUT ROWID;
CREATE TABLE kept (shard INTEGER, key TEXT, value TEXT NOT NULL, until INTEGER NOT NULL,
  PRIMARY KEY (shard, key)) WITHOUT ROWID;
CREATE INDEX kept_until ON kept (until);
CREATE TABLE owed (shard INTEGER, id TEXT, value TEXT NOT NULL, PRIMARY KEY (shard, id)) WITHOUT ROWID;
CREATE TABLE timers (shard INTEGER, id TEXT, due INTEGER NOT NULL, value TEXT NOT NULL,
  PRIMARY KEY (shard, id)) WITHOUT ROWID;
CREATE INDEX timers_due ON timers (shard, due);
CREATE TABLE members (shard INTEGER, name TEXT, member TEXT, PRIMARY KEY (shard, name, member)) WITHOUT ROWID;
CREATE TABLE stamps (node TEXT PRIMARY KEY, until INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO meta VALUES ('run_id', lower(hex(randomblob(16)))), ('time', '0');
PRAGMA user_version = ${schemaVersion};
`;

/**
 * What brings a file of layout 1 to this one: producer rows and read marks had another form. Without them commands of
 * clients that are connected now are numbered anew, and what was read counts as unread once more.
 */
export const fromFirst = `
DELETE FROM kept WHERE key LIKE 'p/%' OR key LIKE 'read/%';
PRAGMA user_version = ${schemaVersion};
`;

/** Every statement that the store runs, prepared once. */
export const statements = {
  begin: "BEGIN IMMEDIATE",
  commit: "COMMIT",
  rollback: "ROLLBACK",
  meta: "SELECT value FROM meta WHERE name = ?",
  setMeta: "UPDATE meta SET value = ? WHERE name = ?",
  fence: "SELECT epoch, owner, last, last_epoch FROM fences WHERE shard = ?",
  fences: "SELECT shard, epoch, owner, last FROM fences WHERE shard < ? ORDER BY shard",
  setFence: "INSERT OR REPLACE INTO fences VALUES (?, ?, ?, ?, ?)",
  setLast: "UPDATE fences SET last = ?, last_epoch = ? WHERE shard = ?",
  end: "SELECT max(seq) AS seq FROM events WHERE shard = ? AND log = ?",
  append: "INSERT INTO events VALUES (?, ?, ?, ?)",
  up: "SELECT seq, event FROM events WHERE shard = ? AND log = ? AND seq > ? AND seq < ? ORDER BY seq LIMIT ?",
  down: "SELECT seq, event FROM events WHERE shard = ? AND log = ? AND seq < ? ORDER BY seq DESC LIMIT ?",
  tail: "SELECT event FROM events WHERE shard = ? AND log = ? ORDER BY seq DESC LIMIT 1",
  set: "INSERT OR REPLACE INTO fields VALUES (?, ?, ?, ?)",
  unset: "DELETE FROM fields WHERE shard = ? AND entity = ? AND field = ?",
  load: "SELECT field, value FROM fields WHERE shard = ? AND entity = ?",
  keep: "INSERT OR REPLACE INTO kept VALUES (?, ?, ?, ?)",
  extend: "UPDATE kept SET value = value || ? WHERE shard = ? AND key = ? AND until > ?",
  kept: "SELECT value FROM kept WHERE shard = ? AND key = ? AND until > ?",
  sweep: "DELETE FROM kept WHERE until <= ?",
  owe: "INSERT OR REPLACE INTO owed VALUES (?, ?, ?)",
  settle: "DELETE FROM owed WHERE shard = ? AND id = ?",
  owed: "SELECT id, value FROM owed WHERE shard = ? AND id > ? ORDER BY id LIMIT ?",
  owedFromStart: "SELECT id, value FROM owed WHERE shard = ? ORDER BY id LIMIT ?",
  arm: "INSERT OR REPLACE INTO timers VALUES (?, ?, ?, ?)",
  disarm: "DELETE FROM timers WHERE shard = ? AND id = ?",
  due: "SELECT id, value, due FROM timers WHERE shard = ? AND due <= ? ORDER BY due LIMIT ?",
  join: "INSERT OR IGNORE INTO members VALUES (?, ?, ?)",
  leave: "DELETE FROM members WHERE shard = ? AND name = ? AND member = ?",
  isMember: "SELECT 1 FROM members WHERE shard = ? AND name = ? AND member = ?",
  stamp: "INSERT OR REPLACE INTO stamps VALUES (?, ?)",
  stamped: "SELECT node FROM stamps WHERE until > ? ORDER BY node",
  sweepStamps: "DELETE FROM stamps WHERE until <= ?",
} as const;
