import org.apache.activemq.broker.BrokerPlugin;
import org.apache.activemq.broker.BrokerService;
import org.apache.activemq.security.AuthenticationUser;
import org.apache.activemq.security.SimpleAuthenticationPlugin;
import org.apache.activemq.store.kahadb.KahaDBPersistenceAdapter;

import java.io.File;
import java.util.List;

/** ActiveMQ classic in one process, with its messages on disk: `StoredBroker folder connector`. */
public final class StoredBroker {
    public static void main(String[] arguments) throws Exception {
        KahaDBPersistenceAdapter store = new KahaDBPersistenceAdapter();
        store.setDirectory(new File(arguments[0]));
        store.setJournalMaxFileLength(4 << 20);
        BrokerService broker = new BrokerService();
        broker.setBrokerName("chaos");
        broker.setPersistenceAdapter(store);
        broker.setUseJmx(false);
        broker.setSchedulerSupport(false);
        broker.setAdvisorySupport(false);
        broker.getSystemUsage().getStoreUsage().setLimit(256L << 20);
        broker.setPlugins(new BrokerPlugin[] {
            new SimpleAuthenticationPlugin(List.of(new AuthenticationUser("admin", "admin", "users")))});
        broker.addConnector(arguments[1]);
        broker.start();
        broker.waitUntilStopped();
    }
}
