// A vitest reporter that writes the counts of a run, and which files failed, to the file named by NSNET_COUNTS.
import { writeFileSync } from 'node:fs';

export default class CountReporter {
  onTestRunEnd(modules, errors) {
    const failed = modules.filter((module) => module.state() === 'failed');
    const files = failed.map((module) => module.moduleId);
    const counts = { passed: 0, failed: errors.length, skipped: 0, files, errors: errors.length };
    for (const module of modules) {
      const tests = [...module.children.allTests()].map((test) => test.result().state);
      for (const state of tests) if (['passed', 'failed', 'skipped'].includes(state)) counts[state]++;
      // A file that cannot be imported, or leaves something behind, fails without a test of it failing.
      if (module.state() === 'failed' && !tests.includes('failed')) counts.failed++;
    }
    writeFileSync(process.env.NSNET_COUNTS, JSON.stringify(counts));
  }
}
