// Receives stormlet's webhooks (Standard Webhooks, v1) with nothing but Node.
//
// WEBHOOK_SECRET=whsec_… node receive.mjs 8080
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const TOLERANCE = 300; // seconds that a request may be old, or ahead of this clock
const LARGEST = 1024 * 1024;
const KEY = Buffer.from(process.env.WEBHOOK_SECRET.replace(/^whsec_/, ""), "base64");
const seen = new Set(); // ids that were handled; in a program that is restarted, keep them in its database

// Tells whether a request comes from someone who knows the secret, and is not an old recording.
function genuine(headers, body, now) {
  const id = headers["webhook-id"] ?? "";
  const stamp = headers["webhook-timestamp"] ?? "";
  if (!/^\d{1,15}$/.test(stamp) || Math.abs(now - Number(stamp)) > TOLERANCE) return false;
  // The bytes received, before anything is parsed.
  const digest = createHmac("sha256", KEY).update(`${id}.${stamp}.`).update(body).digest("base64");
  const wanted = Buffer.from(`v1,${digest}`);
  // While a secret is rotated there are several signatures; any right one is enough.
  return (headers["webhook-signature"] ?? "").split(" ").some((each) => {
    const given = Buffer.from(each);
    return given.length === wanted.length && timingSafeEqual(given, wanted);
  });
}

// Does something with a message. What takes longer than a few seconds belongs into a queue.
function handle(message) {
  console.log(message.type, JSON.stringify(message.data));
}

createServer((request, response) => {
  const chunks = [];
  let size = 0;
  request.on("data", (chunk) => {
    size += chunk.length;
    if (size <= LARGEST) chunks.push(chunk);
  });
  request.on("end", () => {
    const body = Buffer.concat(chunks);
    if (size > LARGEST) return response.writeHead(413).end();
    if (!genuine(request.headers, body, Date.now() / 1000)) return response.writeHead(401).end();
    const id = request.headers["webhook-id"];
    if (!seen.has(id)) {
      // Delivery is at least once: the same id may come again.
      handle(JSON.parse(body.toString("utf8")));
      seen.add(id);
    }
    return response.writeHead(204).end();
  });
}).listen(Number(process.argv[2]), "127.0.0.1");
