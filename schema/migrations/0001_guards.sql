-- `gpus.claimed_by` is an index over `claims`, so triggers keep it: no code path can let the two drift apart.
CREATE TRIGGER claims_taken AFTER INSERT ON claims WHEN new.freed_at IS NULL BEGIN
  UPDATE gpus SET claimed_by = new.allocation_id WHERE hotkey = new.hotkey AND uuid = new.uuid;
END;
--> statement-breakpoint
CREATE TRIGGER claims_freed AFTER UPDATE OF freed_at ON claims WHEN old.freed_at IS NULL AND new.freed_at IS NOT NULL BEGIN
  UPDATE gpus SET claimed_by = NULL WHERE hotkey = new.hotkey AND uuid = new.uuid;
END;
--> statement-breakpoint
-- A GPU is free only when the wish says stop and the fact says gone, whichever is written last.
CREATE TRIGGER gpus_freed AFTER UPDATE ON allocations WHEN new.desired = 'stop' AND new.phase = 'gone' AND new.fact_incarnation = new.incarnation
  AND NOT (old.desired = 'stop' AND old.phase = 'gone' AND old.fact_incarnation = old.incarnation) BEGIN
  UPDATE claims SET freed_at = max(coalesce(new.fact_at, 0), coalesce(new.stop_at, 0))
    WHERE allocation_id = new.id AND incarnation = new.incarnation AND freed_at IS NULL;
END;
--> statement-breakpoint
CREATE TRIGGER gpus_freed_of_skipped AFTER UPDATE OF gone_at ON tombstones WHEN new.gone_at IS NOT NULL AND old.gone_at IS NULL BEGIN
  UPDATE claims SET freed_at = new.gone_at WHERE allocation_id = new.allocation_id AND incarnation = new.incarnation AND freed_at IS NULL;
END;
--> statement-breakpoint
-- An agent takes no wish older than the one it holds, so every change must raise the version: here, where no code path can forget it.
CREATE TRIGGER wish_made AFTER INSERT ON allocations BEGIN
  UPDATE miners SET wish_version = wish_version + 1 WHERE hotkey = new.hotkey;
END;
--> statement-breakpoint
CREATE TRIGGER wish_changed AFTER UPDATE OF generation ON allocations WHEN new.generation <> old.generation BEGIN
  UPDATE miners SET wish_version = wish_version + 1 WHERE hotkey IN (old.hotkey, new.hotkey);
END;
--> statement-breakpoint
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END;
--> statement-breakpoint
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END;
--> statement-breakpoint
INSERT INTO settings (name, value) VALUES ('epoch', '1') ON CONFLICT DO NOTHING;
