import { expect, test } from 'vitest';
import { managesNeighbours } from '../../src/kernel/ask.ts';

/** The first is what Linux 6.18 answered. */
test.each([
  ['kernel and ip know the word', 2, 'Error: Invalid NTF_* flag combination.\n', true],
  ['an ip that shows the number alone', 2, 'RTNETLINK answers: Invalid argument\n', true],
  ['an older kernel takes it for a proxy, which goes again', 0, '', false],
  ['an older ip', 255, 'Error: either "to" is duplicate, or "managed" is a garbage.\n', false],
  ['a container that may not', 2, 'RTNETLINK answers: Operation not permitted\n', false],
])('managed neighbours are asked for, not told by a version: %s', async (_, code, stderr, want) => {
  const ran: string[] = [];
  const runner = {
    run: (tool: string, argv: readonly string[]) => {
      ran.push([tool, ...argv].join(' '));
      return Promise.resolve({ code, stdout: '', stderr });
    },
  };
  expect(await managesNeighbours(runner)).toBe(want);
  const added = 'ip neigh add proxy 192.0.2.255 dev lo managed protocol 201';
  expect(ran).toEqual(code === 0 ? [added, 'ip neigh del proxy 192.0.2.255 dev lo'] : [added]);
});
