import { bench as chain } from './chain.ts'
import { bench as claim } from './claim.ts'
import { bench as proof } from './proof.ts'
import { bench as recover } from './recover.ts'
import { bench as session } from './session.ts'
import { bench as ssh } from './ssh.ts'
import { bench as sweep } from './sweep.ts'
import { bench as sync } from './sync.ts'
import { bench as timelock } from './timelock.ts'
import { bench as validator } from './validator.ts'
import { bench as verify } from './verify.ts'
import { bench as wake } from './wake.ts'

const BENCHES = { verify, timelock, proof, session, claim, sync, sweep, wake, recover, ssh, chain, validator }

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !(name in BENCHES))
if (unknown.length > 0) {
  console.error(`no bench ${unknown.join(', ')}; there are: ${Object.keys(BENCHES).join(', ')}`)
  process.exit(2)
}
for (const [name, bench] of Object.entries(BENCHES)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue
  for (const figure of await bench()) console.log(JSON.stringify(figure))
}
