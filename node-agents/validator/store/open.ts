import { chmod, open } from 'node:fs/promises'
import { join } from 'node:path'
import type { Log } from '../../core/log.ts'
import { errno } from '../../core/mistake.ts'
import { cyclesOf } from './cycles.ts'
import { connect, Database } from './database.ts'
import { MIGRATIONS, migrate } from './migrate.ts'
import { penaltiesOf } from './penalties.ts'
import { progressOf } from './progress.ts'
import { proofsOf } from './proofs.ts'
import { readingsOf } from './readings.ts'
import { statsOf } from './stats.ts'
import { subnetOf } from './subnet.ts'
import { asMistake } from './trouble.ts'
import type { Store } from './types.ts'

/** The only file of the store that matters; beside it SQLite keeps `-wal` and `-shm` while it is open. */
export const FILE = 'validator.db'

/**
 * Opens the validator's database in its state directory, of which the caller holds the lock: makes it, or brings it up to this version.
 * @param migrations their folder
 * @throws Mistake when it is damaged, of a newer version, or cannot be read or written: says how to put that right
 */
export async function openStore(dir: string, log: Log, migrations = MIGRATIONS): Promise<Store> {
  const path = join(dir, FILE)
  try {
    await makeOwn(path)
    const client = await connect(path)
    try {
      await migrate(client, dir, log, migrations)
    } catch (error) {
      client.close()
      throw error
    }
    const db = new Database(path, client)
    return {
      ...subnetOf(db, log),
      ...readingsOf(db, log),
      ...proofsOf(db, log),
      ...statsOf(db, log),
      ...penaltiesOf(db),
      ...progressOf(db),
      ...cyclesOf(db),
      close: () => db.close(),
    }
  } catch (error) {
    throw await asMistake(error, dir)
  }
}

/** SQLite would make it for everybody to read. What it keeps beside the file gets the mode of the file. */
async function makeOwn(path: string): Promise<void> {
  try {
    await (await open(path, 'wx', 0o600)).close()
  } catch (error) {
    if (errno(error) !== 'EEXIST') throw error
    await chmod(path, 0o600)
  }
}
