package sqlite

// The file's application_id marks it as a state of koppel, "Kopl" when its
// bodies are clear and "KopS" when they are sealed. The latter and the table
// meta must agree: damage to one of them must not make sealed bytes pass for
// clear ones.
const (
	clearID  = 0x4b6f706c
	sealedID = 0x4b6f7053
)

// steps lead from one schema version to the next; the number of steps done is
// the file's user_version. A step that was released never changes.
var steps = []string{schema1, schema2, schema3, schema4, schema5, schema6, schema7}

// Keys are blobs: they are compared as bytes. Times are milliseconds since
// 1970, 0 for none. What must stay unread in a scan comes last in its row.
// Bodies (item, open, change, mirror), cursors, notes and problems are sealed
// when the table meta has a row named seal. The bodies of item, open and
// change hold two fields each, the first behind its length; the second one of
// a delete in the table change is the run that created the item, as a varint.
const schema1 = `
CREATE TABLE meta (
  name  TEXT PRIMARY KEY,
  value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE pipeline (
  id            INTEGER PRIMARY KEY AUTOINCREMENT,
  address       TEXT NOT NULL UNIQUE,
  fingerprint   BLOB,
  sink_identity TEXT NOT NULL,
  sink_address  TEXT NOT NULL,
  shape         BLOB,
  day           TEXT NOT NULL,
  paused        INTEGER NOT NULL
) STRICT;

CREATE TABLE source (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  address     TEXT NOT NULL UNIQUE,
  fingerprint BLOB,
  epoch       INTEGER NOT NULL,
  seq         INTEGER NOT NULL
) STRICT;

CREATE TABLE part (
  source  INTEGER NOT NULL,
  part    TEXT NOT NULL,
  full_at INTEGER NOT NULL,
  count   INTEGER NOT NULL,
  cursor  BLOB,
  PRIMARY KEY (source, part)
) STRICT, WITHOUT ROWID;

CREATE TABLE position (
  pipeline INTEGER NOT NULL,
  source   INTEGER NOT NULL,
  seq      INTEGER NOT NULL,
  digest   BLOB,
  PRIMARY KEY (pipeline, source)
) STRICT, WITHOUT ROWID;

CREATE TABLE based (
  pipeline INTEGER NOT NULL,
  part     TEXT NOT NULL,
  PRIMARY KEY (pipeline, part)
) STRICT, WITHOUT ROWID;

CREATE TABLE mirror (
  source INTEGER NOT NULL,
  part   TEXT NOT NULL,
  key    BLOB NOT NULL,
  seq    INTEGER NOT NULL,
  epoch  INTEGER NOT NULL,
  hash   BLOB,
  lo     TEXT NOT NULL,
  hi     TEXT NOT NULL,
  gone   INTEGER NOT NULL,
  reason TEXT NOT NULL,
  body   BLOB,
  PRIMARY KEY (source, part, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX mirror_seq ON mirror (source, seq);
CREATE INDEX mirror_gone ON mirror (source, seq) WHERE gone = 1;

CREATE TABLE item (
  pipeline INTEGER NOT NULL,
  key      BLOB NOT NULL,
  hash     BLOB NOT NULL,
  status   INTEGER NOT NULL,
  born     INTEGER NOT NULL,
  run      INTEGER NOT NULL,
  src      BLOB,
  body     BLOB NOT NULL,
  PRIMARY KEY (pipeline, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX item_src ON item (pipeline, src) WHERE src IS NOT NULL;

CREATE TABLE open (
  pipeline INTEGER NOT NULL,
  key      BLOB NOT NULL,
  reason   TEXT NOT NULL,
  op       INTEGER NOT NULL,
  cause    TEXT NOT NULL,
  since    INTEGER NOT NULL,
  due      INTEGER NOT NULL,
  ord      INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  before   BLOB,
  src      BLOB,
  code     TEXT NOT NULL,
  field    TEXT NOT NULL,
  approved INTEGER NOT NULL,
  run      INTEGER NOT NULL,
  body     BLOB NOT NULL,
  PRIMARY KEY (pipeline, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE change (
  pipeline INTEGER NOT NULL,
  key      BLOB NOT NULL,
  run      INTEGER NOT NULL,
  op       INTEGER NOT NULL,
  cause    TEXT NOT NULL,
  approved INTEGER NOT NULL,
  at       INTEGER NOT NULL,
  body     BLOB NOT NULL,
  PRIMARY KEY (pipeline, key, run)
) STRICT, WITHOUT ROWID;
CREATE INDEX change_run ON change (run, pipeline);
CREATE INDEX change_delete ON change (pipeline, at) WHERE op IN (45, 120) AND approved = 0;

CREATE TABLE run (
  id       INTEGER NOT NULL,
  pipeline INTEGER NOT NULL,
  address  TEXT NOT NULL,
  plan     TEXT NOT NULL,
  kind     TEXT NOT NULL,
  started  INTEGER NOT NULL,
  ended    INTEGER NOT NULL,
  status   TEXT NOT NULL,
  counts   BLOB,
  clock    INTEGER NOT NULL,
  problems BLOB,
  PRIMARY KEY (id, pipeline)
) STRICT, WITHOUT ROWID;
CREATE INDEX run_pipeline ON run (pipeline, id);

CREATE TABLE number (
  name TEXT PRIMARY KEY,
  last INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE plan (
  id  TEXT PRIMARY KEY,
  run INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE held_read (
  source   INTEGER PRIMARY KEY,
  address  TEXT NOT NULL,
  count    INTEGER NOT NULL,
  since    INTEGER NOT NULL,
  approved INTEGER NOT NULL,
  note     BLOB
) STRICT;
`

// The body of a flight is one field, sealed too.
const schema2 = `
CREATE TABLE flight (
  pipeline INTEGER NOT NULL,
  batch    INTEGER NOT NULL,
  run      INTEGER NOT NULL,
  body     BLOB NOT NULL,
  PRIMARY KEY (pipeline, batch)
) STRICT, WITHOUT ROWID;
`

// Changes of items that stand far apart are kept in the table recent, where
// they are close together, so that few pages are written. A row there stands in
// place of the one that item has under its key. Sealed bodies are bound to the table item in both, so that
// they move as they are. Of each pipeline, overlay holds how many rows recent
// has at most, about how many item has, 0 when that is not known, and, while
// rows are moved from the one to the other, the key to go on from.
const schema3 = `
CREATE TABLE recent (
  pipeline INTEGER NOT NULL,
  key      BLOB NOT NULL,
  hash     BLOB NOT NULL,
  status   INTEGER NOT NULL,
  born     INTEGER NOT NULL,
  run      INTEGER NOT NULL,
  src      BLOB,
  body     BLOB NOT NULL,
  PRIMARY KEY (pipeline, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX recent_src ON recent (pipeline, src) WHERE src IS NOT NULL;

CREATE TABLE overlay (
  pipeline INTEGER PRIMARY KEY,
  recent   INTEGER NOT NULL,
  item     INTEGER NOT NULL,
  next     BLOB
) STRICT;
`

// The names of the members of bodies stand in the table layout, where many items
// of a pipeline have the same ones; such a body starts with a nought. The names
// are sealed too.
const schema4 = `
CREATE TABLE layout (
  pipeline INTEGER NOT NULL,
  id       INTEGER NOT NULL,
  names    BLOB NOT NULL,
  PRIMARY KEY (pipeline, id)
) STRICT, WITHOUT ROWID;
`

// Deliveries of one sink, receiver, pipeline and key are a lane; head marks the
// first of a lane that is pending. Bodies and what receivers answer are sealed.
const schema5 = `
CREATE TABLE delivery (
  seq      INTEGER PRIMARY KEY,
  id       TEXT NOT NULL UNIQUE,
  pipeline INTEGER NOT NULL,
  key      BLOB NOT NULL,
  run      INTEGER NOT NULL,
  sink     TEXT NOT NULL,
  receiver TEXT NOT NULL,
  topic    TEXT NOT NULL,
  status   TEXT NOT NULL,
  head     INTEGER NOT NULL,
  created  INTEGER NOT NULL,
  due      INTEGER NOT NULL,
  ended    INTEGER NOT NULL,
  tries    INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  code     INTEGER NOT NULL,
  body     BLOB NOT NULL
) STRICT;
CREATE INDEX delivery_key ON delivery (pipeline, key);
CREATE INDEX delivery_lane ON delivery (sink, receiver, pipeline, key, seq) WHERE status = 'pending';
CREATE UNIQUE INDEX delivery_head ON delivery (sink, receiver, pipeline, key) WHERE head = 1;
CREATE INDEX delivery_due ON delivery (sink, receiver, due, seq) WHERE head = 1;
CREATE INDEX delivery_ended ON delivery (ended) WHERE ended <> 0;

CREATE TABLE attempt (
  delivery INTEGER NOT NULL,
  n        INTEGER NOT NULL,
  at       INTEGER NOT NULL,
  took     INTEGER NOT NULL,
  code     INTEGER NOT NULL,
  words    BLOB,
  PRIMARY KEY (delivery, n)
) STRICT, WITHOUT ROWID;
`

// A token's secret is kept as its hash alone. Since this step, approved in open
// and held_read is more than 1 where the approval ends: at that time.
const schema6 = `
CREATE TABLE token (
  name    TEXT PRIMARY KEY,
  role    TEXT NOT NULL,
  hash    BLOB NOT NULL UNIQUE,
  created INTEGER NOT NULL,
  expires INTEGER NOT NULL,
  revoked INTEGER NOT NULL,
  used    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
`

// Of each pipeline told holds what people were told of it last.
const schema7 = `
CREATE TABLE told (
  pipeline  INTEGER PRIMARY KEY,
  condition TEXT NOT NULL,
  spent     INTEGER NOT NULL
) STRICT;
`
