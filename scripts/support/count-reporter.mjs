// A vitest reporter that writes the counts of a run to the file named by NSNET_COUNTS.
import { writeFileSync } from 'node:fs';

export default class CountReporter {
  onTestRunEnd(modules, errors) {
    const counts = { passed: 0, failed: errors.length, skipped: 0 };
    for (const module of modules) {
      const tests = [...module.children.allTests()].map((test) => test.result().state);
      for (const state of tests) if (state in counts) counts[state]++;
      // A file that cannot be imported, or leaves something behind, fails without a test of it failing.
      if (module.state() === 'failed' && !tests.includes('failed')) counts.failed++;
    }
    writeFileSync(process.env.NSNET_COUNTS, JSON.stringify(counts));
  }
}
