import { app } from './app.ts'
import { makeCtx, newTrace } from './ctx.ts'
import type { Env } from './env.ts'
import { sweep } from './verbs/sweep.ts'

export { Feed } from './feed.ts'
export { Hub } from './hub.ts'

export default {
  fetch: app.fetch,
  async scheduled(_event, env, life): Promise<void> {
    const ctx = await makeCtx(env, life, newTrace())
    ctx.log.info('swept', await sweep(ctx))
  },
} satisfies ExportedHandler<Env>
