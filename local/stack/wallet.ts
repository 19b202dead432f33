import { readIfThere } from '../../node-agents/core/files.ts'
import { generateHotkey, loadHotkey } from '../../node-agents/core/hotkey.ts'

/** The address of the hotkey in a file; the file is made when it is not there. */
export async function hotkeyAt(path: string): Promise<string> {
  const { address } = (await readIfThere(path)) === null ? await generateHotkey(path) : await loadHotkey(path)
  return address
}
