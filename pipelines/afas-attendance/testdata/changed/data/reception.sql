UPDATE visitors SET arrived = '2026-02-02T09:20:00Z' WHERE participant = 1323;
UPDATE visitors SET arrived = NULL WHERE participant = 1322;
DELETE FROM visitors WHERE participant = 1342;
