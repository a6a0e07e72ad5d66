-- A directory that was kept by hand before the coupling.
CREATE TABLE employees (
  number TEXT, name TEXT, email TEXT, id TEXT UNIQUE, department TEXT, function TEXT, mobile TEXT, room TEXT,
  protected INTEGER NOT NULL DEFAULT 0, badge TEXT
);
CREATE TABLE appointments (
  host TEXT, id TEXT, subject TEXT, starts TEXT, ends TEXT, location TEXT, UNIQUE (host, id)
);
CREATE TABLE visitors (
  host TEXT, appointment TEXT, email TEXT, name TEXT, expected TEXT, response TEXT, arrived TEXT, badge TEXT, UNIQUE (host, appointment, email)
);
INSERT INTO employees (name, email, protected, badge) VALUES
  ('Tablet balie', 'balie@example.org', 1, NULL),
  ('N. Bedacht', 'N.vanBedacht@example.org', 0, 'B-17'),
  ('Iemand die weg is', 'weg@example.org', 0, NULL);
