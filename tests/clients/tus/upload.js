// Uploads a file with tus-js-client as a web page would, and prints what the last answer said.
//   node upload.js ENDPOINT KEY FILE METADATA_JSON URLS_FILE CHUNK_BYTES [STOP_AFTER_BYTES]
// URLS_FILE remembers where an upload that was stopped goes on.
"use strict";
const fs = require("node:fs");
const tus = require("tus-js-client");

const [endpoint, key, path, metadata, urls, chunk, stopAfter] = process.argv.slice(2);
const upload = new tus.Upload(fs.createReadStream(path), {
  endpoint,
  chunkSize: Number(chunk),
  uploadSize: fs.statSync(path).size,
  metadata: JSON.parse(metadata),
  headers: { Authorization: `Bearer ${key}` },
  retryDelays: [0, 100, 200, 400, 800, 1600],
  urlStorage: new tus.FileUrlStorage(urls),
  fingerprint: () => Promise.resolve(path),
  onError: (error) => {
    console.error(String(error));
    process.exit(1);
  },
  onProgress: (sent) => {
    if (stopAfter && sent >= Number(stopAfter)) process.exit(9);
  },
  onSuccess: ({ lastResponse }) => {
    console.log(JSON.stringify({ url: upload.url, job: lastResponse.getHeader("Understudy-Job-Id") }));
  },
});
upload.findPreviousUploads().then((found) => {
  if (found.length) upload.resumeFromPreviousUpload(found[0]);
  upload.start();
});
