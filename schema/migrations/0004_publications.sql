CREATE TABLE `penalties` (
	`validator` text NOT NULL,
	`hotkey` text NOT NULL,
	`reason` text NOT NULL,
	`from_at` integer NOT NULL,
	`until_at` integer,
	PRIMARY KEY(`validator`, `hotkey`)
);
--> statement-breakpoint
CREATE INDEX `penalties_hotkey` ON `penalties` (`hotkey`);--> statement-breakpoint
CREATE TABLE `publications` (
	`kind` text NOT NULL,
	`validator` text NOT NULL,
	`at` integer NOT NULL,
	`block` integer NOT NULL,
	`statement` text NOT NULL,
	`document` text NOT NULL,
	`taken_at` integer NOT NULL,
	PRIMARY KEY(`kind`, `validator`)
);
--> statement-breakpoint
CREATE TABLE `scores` (
	`validator` text NOT NULL,
	`hotkey` text NOT NULL,
	`score` real NOT NULL,
	`model` text,
	`count` integer,
	`own` integer NOT NULL,
	PRIMARY KEY(`validator`, `hotkey`)
);
--> statement-breakpoint
CREATE INDEX `scores_hotkey` ON `scores` (`hotkey`);--> statement-breakpoint
ALTER TABLE `agents` ADD `stake` text;--> statement-breakpoint
ALTER TABLE `miners` ADD `score` real;--> statement-breakpoint
CREATE INDEX `miners_scored` ON `miners` (`score`) WHERE score IS NOT NULL;--> statement-breakpoint
ALTER TABLE `gpus` ADD `rented_ms` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
-- What counts as rented: from the claim, if its container was ever ready, until the wish said stop. So a miner that takes rents and never serves
-- them, or keeps quiet about what is gone, gains nothing. A claim of a skipped incarnation never counts, nor does one for a proof.
CREATE TRIGGER claims_rented AFTER UPDATE OF freed_at ON claims WHEN old.freed_at IS NULL AND new.freed_at IS NOT NULL BEGIN
  UPDATE gpus SET rented_ms = rented_ms + coalesce((SELECT max(0, min(new.freed_at, coalesce(a.stop_at, new.freed_at)) - new.claimed_at) FROM allocations a
      WHERE a.id = new.allocation_id AND a.incarnation = new.incarnation AND a.purpose = 'rent' AND a.ready_at IS NOT NULL), 0)
    WHERE hotkey = new.hotkey AND uuid = new.uuid;
END;
--> statement-breakpoint
UPDATE `gpus` SET `rented_ms` = n.`ms` FROM (SELECT c.hotkey AS hotkey, c.uuid AS uuid, sum(max(0, min(c.freed_at, coalesce(a.stop_at, c.freed_at)) - c.claimed_at)) AS ms
    FROM claims c JOIN allocations a ON a.id = c.allocation_id
    WHERE c.freed_at IS NOT NULL AND a.incarnation = c.incarnation AND a.purpose = 'rent' AND a.ready_at IS NOT NULL GROUP BY c.hotkey, c.uuid) n
  WHERE `gpus`.`hotkey` = n.hotkey AND `gpus`.`uuid` = n.uuid;
--> statement-breakpoint
CREATE TRIGGER publications_gone AFTER DELETE ON publications BEGIN
  DELETE FROM scores WHERE old.kind = 'scores' AND validator = old.validator;
  DELETE FROM penalties WHERE old.kind = 'penalties' AND validator = old.validator;
END;
