#!/usr/bin/env node
// Stands in for wrangler: `deploy` starts the CA on workerd, by `dev`, where wrangler would upload it to Cloudflare.
// Its address is then in $EDGE/HOST/dev.json, and its root in $EDGE/roots.pem.
'use strict';
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const { dirname, join } = require('node:path');

const words = process.argv.slice(2);
const option = (name) => words[words.indexOf(name) + 1];
const edge = process.env.EDGE;

function fail(message) {
  process.stderr.write(`ERROR ${message}\n`);
  process.exit(1);
}

function setting(name) {
  return fs.readFileSync(option('--config'), 'utf8').match(new RegExp(`^${name} = "(.*)"`, 'm'))[1];
}

async function deploy() {
  const [base, folder] = [setting('BASE_URL'), dirname(option('--config'))];
  const secrets = JSON.parse(fs.readFileSync(0, 'utf8'));
  if (option('--secrets-file') !== '/dev/stdin' || !fs.existsSync(words[1])) fail(`malformed: ${words}`);
  if (secrets.ISSUER_KEY !== fs.readFileSync(join(folder, 'ca/issuer.key'), 'utf8')) fail('not the issuer\'s key');
  const host = new URL(base).host;
  const set = { STATUS_URL: `http://${host}`, CAA_INTERNAL: 'test, example' };
  for (const name of ['ADMIN_TOKENS', 'NONCE_KEY']) {
    const file = join(edge, `${host}.${name}`);
    fs.writeFileSync(file, secrets[name], { mode: 0o600 });
    set[name] = `@${file}`;
  }
  const state = join(edge, host);
  const log = fs.openSync(join(edge, `${host}.log`), 'a');
  const child = spawn(process.execPath, [join(__dirname, '../../selvedge/bin/selvedge.js'), 'dev',
    '--listen', '127.0.0.1:0', '--base-url', base, '--state', state, '--wrangler', option('--config'),
    '--ca', join(folder, 'ca'), '--sign-with-real-keys',
    ...Object.entries(set).flatMap(([name, value]) => ['--set', `${name}=${value}`])],
  // The file has no root yet, and workerd reads it too.
  { detached: true, stdio: ['ignore', log, log], env: { ...process.env, SSL_CERT_FILE: undefined } });
  while (!fs.existsSync(join(state, 'dev.json'))) {
    if (child.exitCode !== null) fail(fs.readFileSync(join(edge, `${host}.log`), 'utf8'));
    await new Promise((done) => setTimeout(done, 50));
  }
  fs.appendFileSync(join(edge, 'roots.pem'), fs.readFileSync(join(state, 'root.pem')));
  child.unref();
}

switch (words.slice(0, 2).join(' ')) {
  case 'login':
    fs.writeFileSync(join(edge, 'login'), '');
    process.stdout.write('Successfully logged in.\n');
    break;
  case 'auth token':
    if (!fs.existsSync(join(edge, 'login'))) fail('Not logged in.');
    process.stdout.write(JSON.stringify({ type: 'oauth', token: process.env.LOGIN_TOKEN }));
    break;
  case 'secret list': fail(`Worker "${setting('name')}" not found.`); break;
  default: words[0] === 'deploy' ? deploy() : fail(`unexpected: ${words}`);
}
