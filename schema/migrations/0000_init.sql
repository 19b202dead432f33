CREATE TABLE `agents` (
	`hotkey` text PRIMARY KEY NOT NULL,
	`role` text NOT NULL,
	`standing` text DEFAULT 'active' NOT NULL,
	`source` text NOT NULL,
	`uid` integer,
	`changed_at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `miner_images` (
	`hotkey` text NOT NULL,
	`reference` text NOT NULL,
	`warm` integer NOT NULL,
	PRIMARY KEY(`hotkey`, `reference`)
);
--> statement-breakpoint
CREATE INDEX `miner_images_reference` ON `miner_images` (`reference`,`hotkey`);--> statement-breakpoint
CREATE TABLE `miners` (
	`hotkey` text PRIMARY KEY NOT NULL,
	`install` text NOT NULL,
	`boot` text,
	`seq` integer DEFAULT 0 NOT NULL,
	`sync_token` text,
	`protocol` integer NOT NULL,
	`version` text NOT NULL,
	`wish_version` integer DEFAULT 0 NOT NULL,
	`acked_version` integer DEFAULT 0 NOT NULL,
	`online` text DEFAULT 'online' NOT NULL,
	`online_at` integer,
	`engine_ok` integer DEFAULT true NOT NULL,
	`engine_error` text,
	`held_since` integer,
	`driver` text NOT NULL,
	`isolation` text NOT NULL,
	`simulated` integer NOT NULL,
	`address` text NOT NULL,
	`cpus` integer NOT NULL,
	`memory_mb` integer NOT NULL,
	`disk_free_mb` integer NOT NULL,
	`gpu_error` text,
	`unexplained` integer DEFAULT 0 NOT NULL,
	`foreign_containers` integer DEFAULT 0 NOT NULL,
	`registered_at` integer NOT NULL,
	`report_at` integer,
	`full_report_at` integer,
	FOREIGN KEY (`hotkey`) REFERENCES `agents`(`hotkey`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `miners_fresh` ON `miners` (`full_report_at`);--> statement-breakpoint
CREATE TABLE `allocations` (
	`id` text PRIMARY KEY NOT NULL,
	`purpose` text NOT NULL,
	`holder` text NOT NULL,
	`key_id` text,
	`name` text,
	`idempotency_key` text,
	`body_hash` text,
	`trace_id` text NOT NULL,
	`created_at` integer NOT NULL,
	`desired` text NOT NULL,
	`stop_reason` text,
	`stop_at` integer,
	`generation` integer NOT NULL,
	`incarnation` integer NOT NULL,
	`restart_n` integer DEFAULT 0 NOT NULL,
	`keys_n` integer DEFAULT 0 NOT NULL,
	`ssh_keys` text NOT NULL,
	`expires_at` integer NOT NULL,
	`spec` text NOT NULL,
	`limits` text NOT NULL,
	`hotkey` text NOT NULL,
	`exclusive` integer NOT NULL,
	`gpu_want` integer NOT NULL,
	`gpu_got` integer NOT NULL,
	`tried` text NOT NULL,
	`ready_by` integer NOT NULL,
	`phase` text DEFAULT 'none' NOT NULL,
	`fact_incarnation` integer DEFAULT 0 NOT NULL,
	`observed_generation` integer DEFAULT 0 NOT NULL,
	`observed_restart_n` integer DEFAULT 0 NOT NULL,
	`observed_keys_n` integer DEFAULT 0 NOT NULL,
	`error` text,
	`progress` text,
	`host` text,
	`port` integer,
	`user` text,
	`host_key` text,
	`host_key_signature` text,
	`acked_at` integer,
	`ready_at` integer,
	`fact_at` integer,
	`deadline_at` integer,
	`unreachable_since` integer,
	`ended_at` integer,
	`end_reason` text,
	CONSTRAINT "gpus_all_or_nothing" CHECK(gpu_got IN (0, gpu_want))
);
--> statement-breakpoint
CREATE UNIQUE INDEX `allocations_idempotency` ON `allocations` (`holder`,`idempotency_key`) WHERE idempotency_key IS NOT NULL;--> statement-breakpoint
CREATE INDEX `allocations_wish` ON `allocations` (`hotkey`) WHERE ended_at IS NULL;--> statement-breakpoint
CREATE INDEX `allocations_holder` ON `allocations` (`holder`,`id`);--> statement-breakpoint
CREATE INDEX `allocations_key` ON `allocations` (`key_id`) WHERE desired <> 'stop';--> statement-breakpoint
CREATE INDEX `allocations_expiry` ON `allocations` (`expires_at`) WHERE desired <> 'stop';--> statement-breakpoint
CREATE INDEX `allocations_deadline` ON `allocations` (`deadline_at`) WHERE deadline_at IS NOT NULL;--> statement-breakpoint
CREATE INDEX `allocations_ending` ON `allocations` (`stop_at`) WHERE desired = 'stop' AND ended_at IS NULL;--> statement-breakpoint
CREATE TABLE `tombstones` (
	`allocation_id` text NOT NULL,
	`incarnation` integer NOT NULL,
	`hotkey` text NOT NULL,
	`generation` integer NOT NULL,
	`trace_id` text NOT NULL,
	`reason` text NOT NULL,
	`made_at` integer NOT NULL,
	`gone_at` integer,
	PRIMARY KEY(`allocation_id`, `incarnation`)
);
--> statement-breakpoint
CREATE INDEX `tombstones_wish` ON `tombstones` (`hotkey`) WHERE gone_at IS NULL;--> statement-breakpoint
CREATE TABLE `events` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`at` integer NOT NULL,
	`holder` text NOT NULL,
	`allocation_id` text NOT NULL,
	`kind` text NOT NULL,
	`data` text NOT NULL,
	`trace_id` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `events_holder` ON `events` (`holder`,`id`);--> statement-breakpoint
CREATE INDEX `events_allocation` ON `events` (`allocation_id`,`id`);--> statement-breakpoint
CREATE TABLE `outbox` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`event_id` integer NOT NULL,
	`webhook_id` text NOT NULL,
	`attempts` integer DEFAULT 0 NOT NULL,
	`due_at` integer NOT NULL,
	`leased_until` integer,
	`last_status` integer,
	`last_error` text,
	`delivered_at` integer,
	`dead_at` integer,
	FOREIGN KEY (`event_id`) REFERENCES `events`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`webhook_id`) REFERENCES `webhooks`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `outbox_once` ON `outbox` (`event_id`,`webhook_id`);--> statement-breakpoint
CREATE INDEX `outbox_due` ON `outbox` (`due_at`) WHERE delivered_at IS NULL AND dead_at IS NULL;--> statement-breakpoint
CREATE TABLE `settings` (
	`name` text PRIMARY KEY NOT NULL,
	`value` text NOT NULL
);
--> statement-breakpoint
CREATE TABLE `webhooks` (
	`id` text PRIMARY KEY NOT NULL,
	`holder` text NOT NULL,
	`url` text NOT NULL,
	`secret` text NOT NULL,
	`kinds` text NOT NULL,
	`created_at` integer NOT NULL,
	`disabled_at` integer
);
--> statement-breakpoint
CREATE INDEX `webhooks_holder` ON `webhooks` (`holder`);--> statement-breakpoint
CREATE TABLE `claims` (
	`allocation_id` text NOT NULL,
	`incarnation` integer NOT NULL,
	`hotkey` text NOT NULL,
	`uuid` text NOT NULL,
	`claimed_at` integer NOT NULL,
	`freed_at` integer,
	PRIMARY KEY(`allocation_id`, `incarnation`, `hotkey`, `uuid`)
);
--> statement-breakpoint
CREATE UNIQUE INDEX `claims_live` ON `claims` (`hotkey`,`uuid`) WHERE freed_at IS NULL;--> statement-breakpoint
CREATE TABLE `gpus` (
	`hotkey` text NOT NULL,
	`uuid` text NOT NULL,
	`idx` integer NOT NULL,
	`model` text NOT NULL,
	`model_key` text NOT NULL,
	`vram_mb` integer NOT NULL,
	`simulated` integer NOT NULL,
	`claimed_by` text,
	`missing` integer DEFAULT 0 NOT NULL,
	`proved_at` integer,
	`first_seen_at` integer NOT NULL,
	`seen_at` integer NOT NULL,
	`gone_at` integer,
	PRIMARY KEY(`hotkey`, `uuid`)
);
--> statement-breakpoint
CREATE INDEX `gpus_free` ON `gpus` (`hotkey`,`model_key`,`vram_mb`) WHERE claimed_by IS NULL AND gone_at IS NULL;--> statement-breakpoint
CREATE INDEX `gpus_uuid` ON `gpus` (`uuid`);--> statement-breakpoint
CREATE TABLE `api_keys` (
	`id` text PRIMARY KEY NOT NULL,
	`tenant` text NOT NULL,
	`name` text NOT NULL,
	`secret_hash` text NOT NULL,
	`scopes` text NOT NULL,
	`max_gpus` integer NOT NULL,
	`max_allocations` integer NOT NULL,
	`max_lease_hours` integer NOT NULL,
	`requests_per_minute` integer NOT NULL,
	`allocations_per_minute` integer NOT NULL,
	`created_at` integer NOT NULL,
	`revoked_at` integer
);
--> statement-breakpoint
CREATE INDEX `api_keys_tenant` ON `api_keys` (`tenant`);--> statement-breakpoint
CREATE TABLE `audit` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`at` integer NOT NULL,
	`actor` text NOT NULL,
	`action` text NOT NULL,
	`subject` text NOT NULL,
	`detail` text NOT NULL,
	`trace_id` text NOT NULL
);
