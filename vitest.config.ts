import { defineConfig, type UserWorkspaceConfig } from 'vitest/config'
import { builtSources } from './test/suite/built-sources.ts'
import { LongestFirst } from './test/suite/longest-first.ts'
import { sharedTests } from './test/suite/shared-process.ts'

const shared = sharedTests()
const plugins = [builtSources(import.meta.dirname)]
const common = {
  pool: 'forks',
  maxWorkers: 2,
  testTimeout: 60_000,
  hookTimeout: 60_000,
  env: { TAGMASK_THREADS: '1' }, // two forks on two cores
  server: { deps: { external: [/\/dist\/src\//] } },
} satisfies UserWorkspaceConfig['test']

export default defineConfig({
  plugins,
  test: {
    globalSetup: 'test/build.ts',
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        plugins,
        test: { ...common, name: 'own process', include: ['{src,test}/**/*.test.ts'], exclude: shared },
      },
      { plugins, test: { ...common, name: 'shared process', include: shared, isolate: false } },
    ],
  },
})
