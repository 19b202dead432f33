import { killedAtEveryStep } from './table.ts'

killedAtEveryStep('edge')
