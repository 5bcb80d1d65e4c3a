// Opens containers with Estonia's own library, which trusts our root alone.
//
//     java -cp … Digidoc.java FOLDER CONTAINER…
//
// One line a container: name, verdict, what was said.

import java.io.FileInputStream;
import java.io.InputStream;
import java.nio.file.Path;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import org.digidoc4j.Configuration;
import org.digidoc4j.Container;
import org.digidoc4j.ContainerBuilder;
import org.digidoc4j.ContainerValidationResult;
import org.digidoc4j.Signature;
import org.digidoc4j.impl.asic.tsl.TSLCertificateSourceImpl;

public class Digidoc {
    public static void main(String[] given) throws Exception {
        Path folder = Path.of(given[0]);
        Configuration configuration = new Configuration(Configuration.Mode.TEST);
        TSLCertificateSourceImpl trusted = new TSLCertificateSourceImpl();
        // As trusted lists do, it wants to know who stamps time by that one's own certificate.
        for (String name : new String[] {"root.cer", "stamps.cer"}) {
            try (InputStream file = new FileInputStream(folder.resolve(name).toFile())) {
                trusted.addTSLCertificate((X509Certificate)
                    CertificateFactory.getInstance("X.509").generateCertificate(file));
            }
        }
        configuration.setTSL(trusted);
        for (int i = 1; i < given.length; i++) {
            System.out.println(given[i] + " | " + said(folder.resolve(given[i]), configuration));
        }
        // Its threads would go on for a minute.
        System.exit(0);
    }

    static String said(Path file, Configuration configuration) {
        StringBuilder line = new StringBuilder();
        try {
            Container container = ContainerBuilder.aContainer()
                .withConfiguration(configuration).fromExistingFile(file.toString()).build();
            ContainerValidationResult result = container.validate();
            line.append(result.isValid() ? "VALID" : "INVALID");
            line.append(" files=").append(container.getDataFiles().size());
            for (Signature one : container.getSignatures()) line.append(' ').append(one.getProfile());
            result.getErrors().forEach(error -> line.append(" E:").append(error.getMessage()));
        } catch (Exception refused) {
            line.append("REFUSED ").append(refused);
        }
        return line.toString().replace('\n', ' ');
    }
}
