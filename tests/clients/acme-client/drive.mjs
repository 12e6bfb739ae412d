// Drives the npm package acme-client through a CA: what it is told in the environment, one step after the other.
// Each chain is written to OUT under the name of its first identifier. What fails is thrown, and ends the process.
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import tls from "node:tls";

const { DIRECTORY, MANAGEMENT, CHALLENGES, TLS_ALPN_PORT, OUT, ACCOUNT_KEY, STEPS, KID, MAC_KEY } = process.env;
const acme = createRequire(path.join(process.cwd(), "index.js"))("acme-client");

const newKey = () => (ACCOUNT_KEY === "RSA" ? acme.crypto.createPrivateRsaKey(2048) : acme.crypto.createPrivateEcdsaKey());

async function record(operation, name, value) {
  const body = JSON.stringify({ fqdn: `_acme-challenge.${name}`, value });
  const answer = await fetch(`${MANAGEMENT}/${operation}`, { method: "POST", body });
  if (!answer.ok) throw new Error(`${operation}: ${answer.status}`);
}

// One server for all names, from the first proof to the last.
const contexts = new Map();
let server;
async function present(authz, proof) {
  const [key, cert] = await acme.crypto.createAlpnCertificate(authz, proof, await acme.crypto.createPrivateEcdsaKey());
  contexts.set(authz.identifier.value, tls.createSecureContext({ key, cert }));
  if (server) return;
  server = tls.createServer({ ALPNProtocols: ["acme-tls/1"], SNICallback: (name, found) => found(null, contexts.get(name)) });
  server.on("tlsClientError", () => {});
  server.on("secureConnection", (socket) => socket.on("error", () => {}));
  await new Promise((resolve) => server.listen(TLS_ALPN_PORT, "127.0.0.1", resolve));
}
function withdraw(authz) {
  contexts.delete(authz.identifier.value);
  if (contexts.size > 0) return;
  server?.close();
  server = undefined;
}

const file = (challenge) => path.join(CHALLENGES, challenge.token);
const proofs = {
  "http-01": {
    create: (authz, challenge, proof) => fs.writeFileSync(file(challenge), proof),
    remove: (authz, challenge) => fs.rmSync(file(challenge)),
  },
  "dns-01": {
    create: (authz, challenge, proof) => record("present", authz.identifier.value, proof),
    remove: (authz, challenge, proof) => record("cleanup", authz.identifier.value, proof),
  },
};

proofs["tls-alpn-01"] = {
  create: (authz, challenge, proof) => present(authz, proof),
  remove: (authz) => withdraw(authz),
};

// Its automatic mode knows DNS names only.
async function auto(client, names, kind) {
  const [key, csr] = await acme.crypto.createCsr({ altNames: names });
  const chain = await client.auto({
    csr,
    email: "you@example.test",
    termsOfServiceAgreed: true,
    skipChallengeVerification: true,
    challengePriority: [kind],
    challengeCreateFn: async (authz, challenge, proof) => proofs[challenge.type].create(authz, challenge, proof),
    challengeRemoveFn: async (authz, challenge, proof) => proofs[challenge.type].remove(authz, challenge, proof),
  });
  fs.writeFileSync(path.join(OUT, `${names[0]}.pem`), chain);
  return { key, chain };
}

// Step by step, for an address.
async function address(client, value) {
  const order = await client.createOrder({ identifiers: [{ type: "ip", value }] });
  const [authz] = await client.getAuthorizations(order);
  const challenge = authz.challenges.find(({ type }) => type === "http-01");
  proofs["http-01"].create(authz, challenge, await client.getChallengeKeyAuthorization(challenge));
  await client.completeChallenge(challenge);
  await client.waitForValidStatus(challenge);
  const [, csr] = await acme.crypto.createCsr({ altNames: [value] });
  const finalized = await client.finalizeOrder(order, csr);
  fs.writeFileSync(path.join(OUT, `${value}.pem`), await client.getCertificate(finalized));
}

const options = { directoryUrl: DIRECTORY, accountKey: await newKey(), backoffMin: 100, backoffMax: 1000 };
if (KID) options.externalAccountBinding = { kid: KID, hmacKey: MAC_KEY };
const client = new acme.Client(options);
const issued = {};
const steps = {
  async http() { issued.http = await auto(client, ["n.test", "nn.test"], "http-01"); },
  async dns() { issued.dns = await auto(client, ["o.test", "*.o.test"], "dns-01"); },
  alpn: () => auto(client, ["tls.test", "stls.test"], "tls-alpn-01"),
  ip: () => address(client, "127.0.0.1"),
  bound: () => auto(client, ["x.corp.test"], "none"),
  async authz() {
    const order = await client.createOrder({ identifiers: [{ type: "dns", value: "dropped.test" }] });
    const [authz] = await client.getAuthorizations(order);
    const { status } = await client.deactivateAuthorization(authz);
    if (status !== "deactivated") throw new Error(`the authorization is ${status}`);
  },
  async update() {
    const { contact } = await client.updateAccount({ contact: ["mailto:other@example.test"] });
    if (contact[0] !== "mailto:other@example.test") throw new Error(`the contact is ${contact}`);
  },
  async rollover() { await client.updateAccountKey(await newKey()); await client.updateAccount(); },
  async revokeByKey() {
    const holder = new acme.Client({ ...options, accountKey: issued.http.key });
    // It signs with its account's URL or not at all: without one, it looks for the key's account.
    await holder.http.signedRequest(await holder.http.getResourceUrl("revokeCert"),
      { certificate: acme.crypto.getPemBodyAsB64u(issued.http.chain), reason: 1 }).then(({ status, data }) => {
        if (status !== 200) throw new Error(`${status} ${JSON.stringify(data)}`);
      });
  },
  revoke: () => client.revokeCertificate(issued.dns.chain, { reason: 4 }),
  async deactivate() {
    const { status } = await client.updateAccount({ status: "deactivated" });
    if (status !== "deactivated") throw new Error(`the account is ${status}`);
  },
};
for (const step of STEPS.split(" ")) {
  console.log(step);
  await steps[step]();
}
