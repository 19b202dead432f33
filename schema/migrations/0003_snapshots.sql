CREATE TABLE `snapshot_posts` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`at` integer NOT NULL,
	`hotkey` text NOT NULL,
	`netuid` integer NOT NULL,
	`block` integer NOT NULL,
	`digest` text NOT NULL,
	`outcome` text NOT NULL,
	`trace_id` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `snapshot_posts_hotkey` ON `snapshot_posts` (`hotkey`,`id`);--> statement-breakpoint
CREATE INDEX `snapshot_posts_digest` ON `snapshot_posts` (`digest`,`hotkey`);--> statement-breakpoint
CREATE TABLE `snapshots` (
	`digest` text PRIMARY KEY NOT NULL,
	`netuid` integer NOT NULL,
	`genesis` text NOT NULL,
	`block` integer NOT NULL,
	`block_hash` text NOT NULL,
	`chain_at` integer NOT NULL,
	`owner_hotkey` text,
	`neurons` text NOT NULL,
	`uids` integer NOT NULL,
	`state` text NOT NULL,
	`detail` text NOT NULL,
	`token` text,
	`first_at` integer NOT NULL,
	`agreed_at` integer,
	`applied_at` integer
);
--> statement-breakpoint
CREATE INDEX `snapshots_block` ON `snapshots` (`block`);--> statement-breakpoint
CREATE INDEX `snapshots_state` ON `snapshots` (`state`,`block`);--> statement-breakpoint
ALTER TABLE `agents` ADD `coldkey` text;--> statement-breakpoint
ALTER TABLE `agents` ADD `drained_by` text;--> statement-breakpoint
CREATE INDEX `agents_present` ON `agents` (`hotkey`) WHERE uid IS NOT NULL OR source = 'allow';--> statement-breakpoint
UPDATE `agents` SET `drained_by` = 'operator' WHERE `standing` = 'draining';
