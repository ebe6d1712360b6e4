import org.apache.activemq.broker.BrokerPlugin;
import org.apache.activemq.broker.BrokerService;
import org.apache.activemq.broker.TransportConnector;
import org.apache.activemq.security.AuthenticationUser;
import org.apache.activemq.security.SimpleAuthenticationPlugin;

import java.util.List;

/**
 * ActiveMQ classic in one process: nothing on disk, no JMX, one user admin/admin. Each argument is a connector; port 0
 * lets the system choose, and the line "PORT scheme number" tells what it chose.
 */
public final class ActiveMqBroker {
    public static void main(String[] connectors) throws Exception {
        BrokerService broker = new BrokerService();
        broker.setBrokerName("interop");
        broker.setPersistent(false);
        broker.setUseJmx(false);
        broker.setSchedulerSupport(false);
        broker.setAdvisorySupport(false);
        broker.setUseShutdownHook(true);
        broker.setPlugins(new BrokerPlugin[] {
            new SimpleAuthenticationPlugin(List.of(new AuthenticationUser("admin", "admin", "users")))});
        for (String uri : connectors) {
            broker.addConnector(uri);
        }
        broker.start();
        for (TransportConnector connector : broker.getTransportConnectors()) {
            System.out.println("PORT " + connector.getUri().getScheme() + " " + connector.getConnectUri().getPort());
        }
        System.out.flush();
        broker.waitUntilStopped();
    }
}
