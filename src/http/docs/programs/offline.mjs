import { createPublicKey, verify } from 'node:crypto';

const jws = process.argv[2];
const [header, content, signature] = jws.split('.');
const { kid } = JSON.parse(Buffer.from(header, 'base64url'));

// Fetch the keys once, and keep them.
const { keys } = await (await fetch('{{origin}}/.well-known/certificate-jwks.json')).json();
const jwk = keys.find((key) => key.kid === kid);
const signed = Buffer.from(`${header}.${content}`);
const genuine = jwk && verify(null, signed, createPublicKey({ key: jwk, format: 'jwk' }), Buffer.from(signature, 'base64url'));
console.log(genuine ? JSON.parse(Buffer.from(content, 'base64url')) : 'This is not one of our certificates.');
