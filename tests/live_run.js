'use strict';
// Runs graphs in node: reads [{script, told, bytes, pixels}] as JSON, writes the answers of each.

const text = require('node:fs').readFileSync(0, 'utf8');
const {script, graphs} = JSON.parse(text);
const {readGraph, runGraph} = new Function(`${script}\nreturn interpreter();`)();
const answers = graphs.map(({told, bytes, pixels}) => {
  const graph = readGraph(told, new Uint8Array(Buffer.from(bytes, 'base64')));
  return runGraph(graph, Float32Array.from(pixels)).map(answer => Array.from(answer));
});
process.stdout.write(JSON.stringify(answers));
