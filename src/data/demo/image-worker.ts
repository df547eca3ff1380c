/** @file A thread that makes images of the demo data set. */
import { loadSharp } from '../../io/sharp.ts'
import { badImage } from '../loader-protocol.ts'
import { serveJobs } from '../worker-tasks.ts'
import { type DemoFolder, type ImagesReply, writeImage } from './write-image.ts'

loadSharp().concurrency(1)

serveJobs<DemoFolder, readonly number[], ImagesReply>(folder => ({
  async handle(numbers) {
    try {
      return { classes: await Promise.all(numbers.map(number => writeImage(folder, number))) }
    } catch (error) {
      const bad = badImage(error, folder.root) // a full disk
      if (bad === undefined) throw error
      return { bad }
    }
  },
}))
