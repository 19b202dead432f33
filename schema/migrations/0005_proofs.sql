CREATE TABLE `proofs` (
	`id` text PRIMARY KEY NOT NULL,
	`validator` text NOT NULL,
	`hotkey` text NOT NULL,
	`opened_at` integer NOT NULL,
	`ends_at` integer NOT NULL,
	`firm` integer NOT NULL,
	`go_at` integer,
	`committed_at` integer,
	`digest` text,
	`closed_at` integer,
	`preempted_by` text,
	`ended_at` integer,
	`result` text,
	`verdict` text
);
--> statement-breakpoint
CREATE UNIQUE INDEX `proofs_open` ON `proofs` (`hotkey`) WHERE ended_at IS NULL;--> statement-breakpoint
CREATE INDEX `proofs_hotkey` ON `proofs` (`hotkey`,`opened_at`);--> statement-breakpoint
CREATE INDEX `proofs_validator` ON `proofs` (`validator`) WHERE ended_at IS NULL;--> statement-breakpoint
CREATE INDEX `proofs_ends` ON `proofs` (`ends_at`) WHERE ended_at IS NULL;--> statement-breakpoint
CREATE INDEX `proofs_closed` ON `proofs` (`closed_at`) WHERE closed_at IS NOT NULL;--> statement-breakpoint
CREATE INDEX `proofs_preempted` ON `proofs` (`preempted_by`) WHERE preempted_by IS NOT NULL;--> statement-breakpoint
CREATE INDEX `proofs_ended` ON `proofs` (`ended_at`);--> statement-breakpoint
ALTER TABLE `gpus` ADD `proved_rented_ms` integer;--> statement-breakpoint
ALTER TABLE `gpus` ADD `released_at` integer;--> statement-breakpoint
-- A proof is open until its wish says stop: here, so that no code path that stops an allocation can leave one open.
CREATE TRIGGER proofs_ended_with_wish AFTER UPDATE OF desired ON allocations WHEN new.purpose = 'proof' AND new.desired = 'stop' AND old.desired <> 'stop' BEGIN
  UPDATE proofs SET ended_at = coalesce(new.stop_at, new.created_at) WHERE id = new.id AND ended_at IS NULL;
END;
--> statement-breakpoint
-- Events are for tenants, and a proof has none: here, where no code path can forget it.
CREATE TRIGGER events_of_rents BEFORE INSERT ON events WHEN EXISTS (SELECT 1 FROM allocations a WHERE a.id = new.allocation_id AND a.purpose = 'proof') BEGIN
  SELECT RAISE(IGNORE);
END;
--> statement-breakpoint
-- When a rent that was served was over, until a proof had the card. Claims of skipped incarnations say nothing.
CREATE TRIGGER claims_released AFTER UPDATE OF freed_at ON claims WHEN old.freed_at IS NULL AND new.freed_at IS NOT NULL BEGIN
  UPDATE gpus SET released_at = CASE WHEN (SELECT a.purpose FROM allocations a WHERE a.id = new.allocation_id) = 'proof' THEN NULL
      WHEN EXISTS (SELECT 1 FROM allocations a WHERE a.id = new.allocation_id AND a.incarnation = new.incarnation AND a.ready_at IS NOT NULL) THEN new.freed_at
      ELSE released_at END
    WHERE hotkey = new.hotkey AND uuid = new.uuid;
END;
--> statement-breakpoint
-- Its allocation and claims are nobody's history: they go with it.
CREATE TRIGGER proofs_forgotten AFTER DELETE ON proofs BEGIN
  DELETE FROM claims WHERE allocation_id = old.id;
  DELETE FROM allocations WHERE id = old.id AND purpose = 'proof';
END;
--> statement-breakpoint
UPDATE `gpus` SET `proved_rented_ms` = `rented_ms` WHERE `proved_at` IS NOT NULL;
