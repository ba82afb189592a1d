// A vitest reporter for the guest: a line for the host with the counts, marked like those of guest-run.sh.
export default class GuestReporter {
  onTestRunEnd(modules, unhandledErrors) {
    const counts = { passed: 0, failed: unhandledErrors.length, skipped: 0 };
    for (const module of modules) {
      counts.failed += module.errors().length;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        counts[state] = (counts[state] ?? 0) + 1;
      }
    }
    process.stdout.write(`\x1eresult ${JSON.stringify(counts)}\n`);
  }
}
