#!/usr/bin/env node
// Runs the companion of this machine's platform package, with the module of this one.
'use strict';
const { spawn } = require('node:child_process');
const { dirname, join } = require('node:path');
const { constants } = require('node:os');

const home = dirname(__dirname);
const platform = `${process.platform}-${process.arch}`;
const name = `@selvedge/${platform}`;
const offered = Object.keys(require('../package.json').optionalDependencies);

function fail(message) {
  process.stderr.write(`selvedge: ${message}\n`);
  process.exit(1);
}

function companion() {
  if (!offered.includes(name)) {
    fail(`there is no companion for ${platform}, only for ${offered.map((one) => one.split('/')[1]).join(', ')}: ` +
      'on Windows run it inside WSL; elsewhere build it from the sources with cargo');
  }
  try {
    return join(dirname(require.resolve(`${name}/package.json`, { paths: [home] })), 'bin', 'selvedge');
  } catch {
    return fail(`the package ${name}, which has the companion for this machine, is not installed: install selvedge again, ` +
      'without `omit=optional` and with a node_modules made on this platform');
  }
}

const child = spawn(companion(), process.argv.slice(2), {
  stdio: 'inherit',
  env: { ...process.env, SELVEDGE_HOME: process.env.SELVEDGE_HOME || home },
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  // A terminal sends Ctrl-C to the companion itself.
  process.on(signal, () => signal === 'SIGINT' && process.stdin.isTTY || child.kill(signal));
}
child.on('error', (error) => fail(`cannot start ${child.spawnfile} (${error.code}): install selvedge again`));
child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
