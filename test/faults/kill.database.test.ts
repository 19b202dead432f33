import { killedAtEveryStep } from './table.ts'

killedAtEveryStep('database')
