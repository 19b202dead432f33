import { DriverError } from '../../core/ports.ts'

/** Files our SSH server reads. Never the image's own: its host keys are known to everyone who pulled it. */
export const SSHD = { config: '/etc/compute/sshd_config', hostKey: '/etc/compute/host_key', keys: '/etc/compute/authorized_keys' } as const

const FIXED = [
  'Port 22',
  `HostKey ${SSHD.hostKey}`,
  `AuthorizedKeysFile ${SSHD.keys}`,
  'PermitRootLogin prohibit-password',
  'PasswordAuthentication no',
  'KbdInteractiveAuthentication no',
  'UsePAM no',
  'UseDNS no',
  'PidFile none',
  'PrintMotd no',
  'AcceptEnv LANG LC_*',
  'ClientAliveInterval 30',
  'ClientAliveCountMax 6',
  'Subsystem sftp internal-sftp',
]

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** sshd hands its configuration to each session through a message of at most 256 KiB. */
const CONFIG_MAX = 200 * 1024

/** What an image sets that no session may see: dockerd decides about GPUs, not the image. */
const NOT_FOR_SESSIONS = /^NVIDIA_VISIBLE_DEVICES$/

/** Variable of a session: GB of the disk at /work, where there is one. */
export const WORK_GB = 'COMPUTE_WORK_GB'

/**
 * /etc/profile of many distributions resets PATH in login shells and so hides what the image put there (conda, CUDA).
 * This runs after it, and tells people at a terminal where their disk is. Constant text: no value ever stands in a script.
 */
export const PROFILE = {
  path: '/etc/profile.d/zz-compute.sh',
  text: `PATH=\${COMPUTE_PATH:-$PATH}
export PATH
case \${${WORK_GB}:+$-} in *i*) echo "/work is yours: \$${WORK_GB} GB of disk. Keep your files there." ;; esac
`,
} as const

/** One argument as sshd's own word splitter reads it: between double quotes only \ and " are special. */
export const quote = (text: string) => `"${text.replace(/[\\"]/g, '\\$&')}"`

/** "NAME=value" lines of an image that can stand in a configuration line. */
function imageVariables(lines: string[]): [string, string][] {
  const pairs = lines.map((line): [string, string] => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)])
  return pairs.filter(([name, value]) => /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && !/[\u0000-\u001f\u007f]/.test(value) && !NOT_FOR_SESSIONS.test(name))
}

/** What a session sees: the image's variables, over them the client's. */
function sessionVariables(image: string[], client: Record<string, string>): Record<string, string> {
  const all: Record<string, string> = { PATH: DEFAULT_PATH, ...Object.fromEntries(imageVariables(image)), ...client }
  return { ...all, COMPUTE_PATH: all['PATH'] ?? DEFAULT_PATH }
}

/**
 * Configuration of a container's SSH server.
 * @param imageEnv "NAME=value" lines the image brings
 * @param clientEnv the client's variables, checked; they arrive literally in every session
 * @throws DriverError unsupported
 */
export function sshdConfig(imageEnv: string[], clientEnv: Record<string, string>): string {
  // sshd takes the first SetEnv line only, so all variables stand on one.
  const words = Object.entries(sessionVariables(imageEnv, clientEnv)).map(([name, value]) => quote(`${name}=${value}`))
  const text = `${[...FIXED, `SetEnv ${words.join(' ')}`].join('\n')}\n`
  if (Buffer.byteLength(text) > CONFIG_MAX) throw new DriverError('unsupported', 'the environment is larger than an SSH server can take')
  return text
}
