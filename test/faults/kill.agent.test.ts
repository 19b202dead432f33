import { killedAtEveryStep } from './table.ts'

killedAtEveryStep('agent')
