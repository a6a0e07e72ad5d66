-- The visitors of a reception, with a column that is the reception's own.
CREATE TABLE visitors (
  name TEXT, email TEXT, course INTEGER, session INTEGER, participant INTEGER, person TEXT, expected TEXT, arrived TEXT,
  UNIQUE (course, session, participant)
);
