ALTER TABLE `miners` ADD `fresh` integer DEFAULT true NOT NULL;--> statement-breakpoint
ALTER TABLE `miners` ADD `silent_minutes` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `miners` ADD `report_digest` text;--> statement-breakpoint
ALTER TABLE `miners` ADD `disk` text DEFAULT 'shared' NOT NULL;--> statement-breakpoint
ALTER TABLE `miners` ADD `network` text DEFAULT 'open' NOT NULL;--> statement-breakpoint
CREATE INDEX `miners_away` ON `miners` (`online`,`online_at`) WHERE online <> 'online';--> statement-breakpoint
ALTER TABLE `allocations` ADD `warn_at` integer;--> statement-breakpoint
ALTER TABLE `allocations` ADD `degraded_at` integer;--> statement-breakpoint
CREATE INDEX `allocations_warn` ON `allocations` (`warn_at`) WHERE warn_at IS NOT NULL AND desired <> 'stop';--> statement-breakpoint
CREATE INDEX `allocations_away` ON `allocations` (`hotkey`) WHERE unreachable_since IS NOT NULL AND ended_at IS NULL;