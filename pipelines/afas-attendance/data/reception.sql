CREATE TABLE visitors (
  course INTEGER, session INTEGER, participant INTEGER, person TEXT, name TEXT, arrived TEXT,
  PRIMARY KEY (course, session, participant)
);
INSERT INTO visitors VALUES
  (340, 1, 1322, '2000101', 'Noor van Bedacht', '2026-02-02T09:12:00Z'),
  (340, 1, 1323, '2000102', 'Bram ter Fictief', NULL),
  (341, 1, 1342, '2000108', 'Renée de Bedacht', NULL);
