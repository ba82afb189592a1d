// Catches packets in the namespace it is started in, and prints what comes of it.
import { Netns } from 'nsnet';

const netns = await Netns.current();
const capture = netns.capture();
try {
  await capture.ready;
  console.log(JSON.stringify({ code: 'none' }));
} catch ({ code, syscall, message, hint }) {
  console.log(JSON.stringify({ code, syscall, message, hint }));
}
await capture.close();
await netns.close();
