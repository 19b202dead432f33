-- `gpus.claimed_by` is an index over `claims`, so triggers keep it: no code path can let the two drift apart.
CREATE TRIGGER claims_taken AFTER INSERT ON claims WHEN new.freed_at IS NULL BEGIN
  UPDATE gpus SET claimed_by = new.allocation_id WHERE hotkey = new.hotkey AND uuid = new.uuid;
END;
--> statement-breakpoint
CREATE TRIGGER claims_freed AFTER UPDATE OF freed_at ON claims WHEN old.freed_at IS NULL AND new.freed_at IS NOT NULL BEGIN
  UPDATE gpus SET claimed_by = NULL WHERE hotkey = new.hotkey AND uuid = new.uuid;
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
