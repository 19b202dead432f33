import { realpath, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { toConfig } from '../../core/common-settings.ts'
import { AGENT_FLAGS } from '../../core/flags.ts'
import { loadHotkey } from '../../core/hotkey.ts'
import { errno, Mistake } from '../../core/mistake.ts'
import { passwordFrom, passwordVariables } from '../../core/wallet/password.ts'
import { buildCommand, readSettings } from '../../core/settings.ts'
import { type MinerConfig, SETTINGS } from '../config.ts'
import type { Hands } from './index.ts'

const NAME = 'compute-miner'
/** Not in the unit, which everybody may read: the password of an encrypted hotkey. */
const ENVIRONMENT = `/etc/${NAME}.env`
const UNIT = `/etc/systemd/system/${NAME}.service`
const ABOUT = `Write a systemd unit that runs this agent with the flags given here. Run it as root.
To take it back: systemctl disable --now compute-miner; rm ${UNIT}. Containers run on`
const MAIN = fileURLToPath(new URL('../../main.ts', import.meta.url))

export type Unit = { node: string; main: string; config: MinerConfig }

/** `compute miner install`, with the flags of the agent. */
export async function installCommand(argv: string[], { env, out }: Hands): Promise<number> {
  const command = buildCommand('compute miner install', ABOUT, SETTINGS)
    .option('--print', 'print the unit and write nothing')
    .option('--unit <path>', 'where to write it', UNIT)
  const values = readSettings(command, SETTINGS, argv, env)
  if (!values) return 0
  const { print = false, unit } = command.opts<{ print?: boolean; unit: string }>()
  const config = toConfig(values)
  const text = unitText({ node: await realpath(process.execPath), main: MAIN, config })
  if (print) out(text.trimEnd())
  else {
    await loadHotkey(config.hotkeyFile, { env, ask: null }) // a unit that cannot start is not worth writing, and at boot nobody is asked
    await write(unit, text)
    if (passwordFrom(env, config.hotkeyFile))
      out(`The password of the hotkey is not in the unit: put it into ${ENVIRONMENT} (mode 0600) as a line ${passwordVariables(config.hotkeyFile).at(-1)}=…`)
    out(`${unit} is written. Start the agent now and at every boot:\n  systemctl daemon-reload\n  systemctl enable --now ${NAME}`)
  }
  return 0
}

async function write(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text, { mode: 0o644 })
  } catch (error) {
    if (errno(error) === 'EACCES') throw new Mistake(`${path} cannot be written: run this as root`, error)
    if (errno(error) === 'ENOENT') throw new Mistake(`${path} cannot be written: there is no systemd on this host, or name another place with --unit`, error)
    throw error
  }
}

/** The agent's flags again, each resolved: the unit does not depend on who wrote it or where. */
export function flags({ config: c }: Unit): string[] {
  const given: Record<string, string | null> = {
    '--edge': `${c.edge.url}#${c.edge.pin}`,
    '--hotkey-file': c.hotkeyFile,
    '--state': c.state,
    '--address': c.address,
    '--bind': c.bind,
    '--ports': `${c.ports.first}-${c.ports.last}`,
    '--images': c.images.join(','),
    '--max-cpus': c.maxCpus === null ? null : String(c.maxCpus),
    '--max-memory-gb': c.maxMemoryGb === null ? null : String(c.maxMemoryGb),
    '--simulate-gpu': c.simulateGpu && `${c.simulateGpu.model}:${c.simulateGpu.count}:${c.simulateGpu.vramMb}`,
    '--disk': c.disk,
    '--disk-reserve-gb': c.diskReserveGb === null ? null : String(c.diskReserveGb),
    '--networks': c.networks,
    '--dns': c.dns.join(','),
    '--missing-after': String(c.missingAfterS),
    '--reconnect-jitter-ms': String(c.reconnectJitterMs),
    '--prepull': c.prepull ? 'yes' : 'no',
    '--chain': c.chain?.name ?? 'none',
    '--netuid': String(c.netuid),
    '--axon-ip': c.axonIp,
    '--axon-port': String(c.axonPort),
    '--metrics': c.metrics && `${c.metrics.host}:${c.metrics.port}`,
    '--docker': c.docker,
    '--log-level': c.logLevel,
  }
  return Object.entries(given).flatMap(([flag, value]) => (value === null ? [] : [flag, value]))
}

/** One word of ExecStart: systemd splits at blanks, and gives a meaning to % and $. */
export function quoted(word: string): string {
  if (/[\n\r]/.test(word)) throw new Mistake(`${JSON.stringify(word)} cannot stand in a systemd unit`)
  const safe = word.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('%', '%%').replaceAll('$', '$$$$')
  return /^[\w./:@,=+-]+$/.test(safe) ? safe : `"${safe}"`
}

/**
 * The unit. The agent needs the engine's socket, the packet filter, volumes and GPUs. Nothing here gives it a mount or device
 * namespace of its own: the engine must see the volumes it mounts, and nvidia-smi the cards. Containers are the engine's, so
 * a stop takes none along.
 */
export function unitText(u: Unit): string {
  const exec = [u.node, ...AGENT_FLAGS, u.main, 'miner', ...flags(u)].map(quoted).join(' ')
  return `[Unit]
Description=Compute Subnet miner agent
Documentation=file://${u.main
    .replace(/node-agents\/main\.ts$/, 'README.md')
    .replaceAll('%', '%%')
    .replaceAll(' ', '\\x20')}
Wants=network-online.target
After=network-online.target docker.service nvidia-persistenced.service
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart=${exec}
Restart=always
RestartSec=5
KillMode=mixed
TimeoutStopSec=30
UMask=0077
Environment=NODE_ENV=production
EnvironmentFile=-${ENVIRONMENT}
LogRateLimitIntervalSec=30
LogRateLimitBurst=3000
OOMScoreAdjust=-500
LimitNOFILE=65536
CapabilityBoundingSet=CAP_NET_ADMIN CAP_NET_RAW CAP_SYS_ADMIN CAP_SYS_RESOURCE CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_CHOWN CAP_FOWNER CAP_KILL CAP_MKNOD
NoNewPrivileges=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
SystemCallArchitectures=native

[Install]
WantedBy=multi-user.target
`
}
