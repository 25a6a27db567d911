BEGIN TRANSACTION;
CREATE TABLE calls (
  id INTEGER PRIMARY KEY, key TEXT NOT NULL, status TEXT NOT NULL CHECK (status IN ('verdict', 'unreadable', 'cut off', 'refused', 'failed')),
  preference REAL CHECK (preference BETWEEN 0 AND 1), reason TEXT NOT NULL, text TEXT NOT NULL, judge TEXT NOT NULL,
  endpoint TEXT NOT NULL, prompt TEXT NOT NULL, level TEXT NOT NULL, sampling TEXT NOT NULL, sample INTEGER NOT NULL,
  graded REAL, tokens_in INTEGER NOT NULL, tokens_out INTEGER NOT NULL, usd REAL, seconds REAL NOT NULL,
  attempt INTEGER NOT NULL, run TEXT NOT NULL, asked TEXT NOT NULL
) STRICT;
INSERT INTO "calls" VALUES(1,'26b476975bd3d6e8a90cc4ec9d95fff59426b2ab2402ce9f7d28cabe9f4f6b66','verdict',1.0,'','\boxed{A}','m','chat/completions','pairwise-2','solution','{}',0,NULL,3,5,0.5,0.0,1,'rows','2026-11-01T10:00:00+0000');
INSERT INTO "calls" VALUES(2,'8dafc3de852b3bb2e18e3b9547e68f6122a20f14f62027e906e1a93b7f3af042','failed',NULL,'','\boxed{A}','m','chat/completions','pairwise-2','solution','{}',0,NULL,0,0,0.0,0.0,1,'rows','2026-11-01T10:00:00+0000');
INSERT INTO "calls" VALUES(3,'8dafc3de852b3bb2e18e3b9547e68f6122a20f14f62027e906e1a93b7f3af042','refused',NULL,'','\boxed{A}','m','chat/completions','pairwise-2','solution','{}',0,NULL,0,0,NULL,0.0,1,'rows','2026-11-01T10:00:00+0000');
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
INSERT INTO "facts" VALUES('secret','00112233445566778899aabbccddeeff');
CREATE UNIQUE INDEX answered ON calls (key) WHERE status != 'failed';
CREATE INDEX runs ON calls (run);
COMMIT;
