// java -cp netty-all.jar Netty.java FOLDER
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.stomp.*;
import io.netty.util.ReferenceCountUtil;
import java.nio.file.*;
import java.util.Map;

public class Netty {
    static long frames, headers, values, bodies;

    static void pass(byte[] octets) {
        frames = headers = values = bodies = 0;
        EmbeddedChannel channel = new EmbeddedChannel(new StompSubframeDecoder(65536, 65536));
        channel.writeInbound(Unpooled.wrappedBuffer(octets.clone()));
        for (Object o; (o = channel.readInbound()) != null; ReferenceCountUtil.release(o)) {
            if (o instanceof StompHeadersSubframe) {
                for (Map.Entry<CharSequence, CharSequence> e : ((StompHeadersSubframe) o).headers()) {
                    ++headers;
                    values += e.getValue().length();
                }
            }
            if (o instanceof StompContentSubframe) bodies += ((StompContentSubframe) o).content().readableBytes();
            if (o instanceof LastStompContentSubframe) ++frames;
        }
        channel.finishAndReleaseAll();
    }

    public static void main(String[] args) throws Exception {
        for (String name : new String[] {"small", "chat", "heavy", "large", "nolen", "mixed"}) {
            byte[] octets = Files.readAllBytes(Paths.get(args[0], name + ".stomp"));
            long best = Long.MAX_VALUE;
            long until = System.nanoTime() + 2_000_000_000L;
            while (System.nanoTime() < until) {
                long begin = System.nanoTime();
                pass(octets);
                best = Math.min(best, System.nanoTime() - begin);
            }
            System.out.printf("%s %.1f %d %d %d %d%n", name, (double) best / Math.max(frames, 1), frames, headers, values,
                bodies);
        }
    }
}
