-- The directory of testdata/before on PostgreSQL, with types of its own.
CREATE TABLE employees (
  number text, name text NOT NULL, email text, id text UNIQUE, department text, function text, mobile text, room text,
  protected boolean NOT NULL DEFAULT false, badge text
);
CREATE TABLE appointments (
  host text, id text, subject text, starts timestamptz, ends timestamptz, location text, PRIMARY KEY (host, id)
);
CREATE TABLE visitors (
  host text, appointment text, email text, name text NOT NULL, expected timestamptz, response text, arrived timestamptz, badge text,
  PRIMARY KEY (host, appointment, email)
);
INSERT INTO employees (name, email, protected, badge) VALUES
  ('Tablet balie', 'balie@example.org', true, NULL),
  ('N. Bedacht', 'N.vanBedacht@example.org', false, 'B-17'),
  ('Iemand die weg is', 'weg@example.org', false, NULL);
