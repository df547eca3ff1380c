/** @file One process fails (argument: its rank) while the others wait for it in a sum. Run by failing.test.ts. */
import { InputError } from '../../src/errors.ts'
import { processPlace } from '../../src/train/parallel/environment.ts'
import { joinProcesses } from '../../src/train/parallel/processes.ts'

const place = processPlace(process.env)!
const processes = await joinProcesses(place, { joinSeconds: 60 })
try {
  await processes.during(async () => {
    await processes.group.sums([1])
    if (place.rank === Number(process.argv[2])) throw new InputError('a.jpg', 'is damaged')
    await processes.group.sums([1])
  })
} catch (error) {
  process.stdout.write(error instanceof Error ? error.message : String(error))
  process.exitCode = 1
}
