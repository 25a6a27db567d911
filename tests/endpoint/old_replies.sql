BEGIN TRANSACTION;
CREATE TABLE replies (
  id INTEGER PRIMARY KEY, key TEXT NOT NULL, status TEXT NOT NULL, text TEXT NOT NULL, reason TEXT NOT NULL, model TEXT NOT NULL, endpoint TEXT NOT NULL, prompt TEXT NOT NULL, about TEXT NOT NULL, sampling TEXT NOT NULL, candidate INTEGER NOT NULL, tokens_in INTEGER NOT NULL, tokens_out INTEGER NOT NULL, usd REAL, seconds REAL NOT NULL, attempt INTEGER NOT NULL, run TEXT NOT NULL, asked TEXT NOT NULL,
  CHECK (status IN ('answered', 'cut off', 'refused', 'failed'))
) STRICT;
INSERT INTO "replies" VALUES(1,'8010faf8805b5c78e70c94fcc2c100c858dd418ee645a4810d7a7af2ff7a9096','answered','text a','','m','chat/completions','translate-0','sw','{}',1,3,5,0.5,1.5,1,'rows','2026-11-01T10:00:00+0000');
INSERT INTO "replies" VALUES(2,'fe3454aaa9dea8377124fa200d083260dfe052e85441d5119db749c232ffaf28','failed','text b','','m','chat/completions','translate-0','sw','{}',1,0,0,0.0,0.0,1,'rows','2026-11-01T10:00:00+0000');
INSERT INTO "replies" VALUES(3,'fe3454aaa9dea8377124fa200d083260dfe052e85441d5119db749c232ffaf28','cut off','text b','','m','chat/completions','translate-0','sw','{}',1,0,0,NULL,0.0,1,'rows','2026-11-01T10:00:00+0000');
CREATE UNIQUE INDEX replied ON replies (key) WHERE status != 'failed';
CREATE INDEX reply_runs ON replies (run);
COMMIT;
