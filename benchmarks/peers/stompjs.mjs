// node stompjs.mjs FOLDER SECONDS PACKAGE_FOLDER
import {readFileSync} from 'node:fs';
import {pathToFileURL} from 'node:url';

const [folder, seconds, packageFolder] = process.argv.slice(2);
const load = name => import(pathToFileURL(`${packageFolder}/esm6/${name}.js`).href);
const {Parser} = await load('parser');
const {FrameImpl} = await load('frame-impl');

for (const name of ['small', 'chat', 'heavy', 'large', 'nolen', 'mixed']) {
  const file = readFileSync(`${folder}/${name}.stomp`);
  const octets = new Uint8Array(file).buffer;
  let sums;
  let best = Infinity;
  const until = performance.now() + seconds * 1000;
  do {
    sums = [0, 0, 0, 0];
    const parser = new Parser(
      raw => {
        const frame = FrameImpl.fromRawFrame(raw, true);
        const values = Object.values(frame.headers);
        sums[0] += 1;
        sums[1] += values.length;
        for (const v of values) sums[2] += v.length;
        sums[3] += frame.binaryBody.length;
      },
      () => {},
    );
    const begin = performance.now();
    parser.parseChunk(octets);
    best = Math.min(best, performance.now() - begin);
  } while (performance.now() < until);
  console.log(name, ((best * 1e6) / Math.max(sums[0], 1)).toFixed(1), ...sums);
}
