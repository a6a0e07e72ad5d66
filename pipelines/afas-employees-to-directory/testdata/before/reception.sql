-- A directory that was filled by hand before the coupling.
CREATE TABLE employees (
  external_id TEXT UNIQUE, name TEXT, email TEXT, department TEXT, function TEXT, mobile TEXT,
  protected INTEGER NOT NULL DEFAULT 0, badge TEXT
);
INSERT INTO employees (name, email, protected, badge) VALUES
  ('Tablet balie', 'balie@example.org', 1, NULL),
  ('N. Bedacht', 'n.vanbedacht@example.org', 0, 'B-17'),
  ('Iemand die weg is', 'weg@example.org', 0, NULL);
