// java -cp <netty's jars> Netty.java FOLDER SECONDS
import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.stomp.LastStompContentSubframe;
import io.netty.handler.codec.stomp.StompContentSubframe;
import io.netty.handler.codec.stomp.StompHeadersSubframe;
import io.netty.handler.codec.stomp.StompSubframeDecoder;
import io.netty.util.ReferenceCountUtil;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.util.Map;

public class Netty {
    static long frames, headers, values, bodies;

    /** In pieces of 64 KiB, as a socket would bring them. */
    static void pass(byte[] octets) {
        frames = headers = values = bodies = 0;
        EmbeddedChannel channel = new EmbeddedChannel(new StompSubframeDecoder(65536, 65536));
        for (int at = 0; at < octets.length; at += 65536) {
            channel.writeInbound(Unpooled.wrappedBuffer(octets, at, Math.min(65536, octets.length - at)));
            for (Object o; (o = channel.readInbound()) != null; ReferenceCountUtil.release(o)) count(o);
        }
        channel.finishAndReleaseAll();
    }

    static void count(Object o) {
        if (o instanceof StompHeadersSubframe) {
            for (Map.Entry<CharSequence, CharSequence> e : ((StompHeadersSubframe) o).headers()) {
                ++headers;
                values += e.getValue().length();
            }
        }
        if (o instanceof StompContentSubframe) bodies += ((StompContentSubframe) o).content().readableBytes();
        if (o instanceof LastStompContentSubframe) ++frames;
    }

    public static void main(String[] args) throws Exception {
        for (String name : new String[] {"small", "chat", "heavy", "large", "nolen", "mixed"}) {
            byte[] octets = Files.readAllBytes(Paths.get(args[0], name + ".stomp"));
            long best = Long.MAX_VALUE;
            long until = System.nanoTime() + (long) (Double.parseDouble(args[1]) * 1e9);
            do {
                long begin = System.nanoTime();
                pass(octets);
                best = Math.min(best, System.nanoTime() - begin);
            } while (System.nanoTime() < until);
            System.out.printf("%s %.1f %d %d %d %d%n", name, (double) best / Math.max(frames, 1), frames, headers, values,
                bodies);
        }
    }
}
