import { readFileSync } from 'node:fs';
import { npmProgram } from './npm.mjs';
import { at } from './root.mjs';
import { runNode, step } from './step.mjs';

const packagesIn = (file) => {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages;
  } catch {
    return {};
  }
};

/** Whether node_modules holds what the lock file says; what is optional may be for another platform. */
function areInstalled() {
  const installed = packagesIn(at('node_modules/.package-lock.json'));
  return Object.entries(packagesIn(at('package-lock.json'))).every(([path, { version, optional, link }]) => {
    if (path === '' || link) return true;
    return installed[path] ? installed[path].version === version : optional === true;
  });
}

/** Runs `npm ci` unless node_modules is as the lock file says. No package's own scripts are needed, so none is run. */
export async function provideDependencies() {
  if (areInstalled()) return;
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  await step('install the packages (npm ci)', () => runNode(npmProgram(), args));
}
