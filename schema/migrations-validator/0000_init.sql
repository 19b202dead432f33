CREATE TABLE `challenges` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`hotkey` text NOT NULL,
	`success` integer NOT NULL,
	`elapsed_ms` real NOT NULL,
	`at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `challenges_hotkey` ON `challenges` (`hotkey`,`id`);--> statement-breakpoint
CREATE TABLE `proofs` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`hotkey` text NOT NULL,
	`result` text NOT NULL,
	`gpus` text NOT NULL,
	`simulated` integer NOT NULL,
	`reason` text,
	`duration_ms` integer NOT NULL,
	`block` integer NOT NULL,
	`at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `proofs_hotkey` ON `proofs` (`hotkey`,`id`);--> statement-breakpoint
CREATE TABLE `neurons` (
	`hotkey` text PRIMARY KEY NOT NULL,
	`uid` integer NOT NULL,
	`coldkey` text NOT NULL,
	`registered_at` integer NOT NULL,
	`seen_at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `peers` (
	`validator` text PRIMARY KEY NOT NULL,
	`scores` text,
	`penalties` text
);
--> statement-breakpoint
CREATE TABLE `penalties` (
	`hotkey` text PRIMARY KEY NOT NULL,
	`reason` text NOT NULL,
	`from` integer NOT NULL,
	`until` integer
);
--> statement-breakpoint
CREATE TABLE `progress` (
	`job` text PRIMARY KEY NOT NULL,
	`block` integer NOT NULL,
	`at` integer NOT NULL,
	`trouble` text
);
--> statement-breakpoint
CREATE TABLE `specs` (
	`hotkey` text PRIMARY KEY NOT NULL,
	`miner` text NOT NULL,
	`at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `stats` (
	`hotkey` text PRIMARY KEY NOT NULL,
	`uid` integer NOT NULL,
	`gpus` text,
	`score` real NOT NULL,
	`allocated` integer NOT NULL,
	`own_score` integer NOT NULL,
	`reliability` real NOT NULL,
	`factors` text NOT NULL,
	`block` integer NOT NULL,
	`at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `weight_cycles` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`hotkey` text NOT NULL,
	`netuid` integer NOT NULL,
	`mechanism` integer NOT NULL,
	`mode` text NOT NULL,
	`state` text NOT NULL,
	`uids` text NOT NULL,
	`hotkeys` text NOT NULL,
	`values` text NOT NULL,
	`version_key` text NOT NULL,
	`salt` text,
	`planned_block` integer NOT NULL,
	`dead_block` integer,
	`included_block` integer,
	`round` integer,
	`reveal_block` integer,
	`read_block` integer,
	`read_at` integer,
	`attempts` integer NOT NULL,
	`reason` text,
	`at` integer NOT NULL
);
