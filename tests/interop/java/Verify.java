// A certification path before Java's own PKIX validator, or Bouncy Castle's — RFC 5280 §6.
//
//     java [-cp bcprov.jar] Verify.java SUN|BC root.cer leaf.cer [authority.cer …] [list.crl …]
//
// Prints "valid" and the key's algorithm, or "refused" and why. With lists, status is checked.

import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.Provider;
import java.security.Security;
import java.security.cert.CertPath;
import java.security.cert.CertPathValidator;
import java.security.cert.CertPathValidatorException;
import java.security.cert.CertStore;
import java.security.cert.CertificateFactory;
import java.security.cert.CollectionCertStoreParameters;
import java.security.cert.PKIXParameters;
import java.security.cert.TrustAnchor;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

public class Verify {
    public static void main(String[] args) throws Exception {
        String provider = args[0];
        if (provider.equals("BC")) {
            Class<?> bouncy = Class.forName("org.bouncycastle.jce.provider.BouncyCastleProvider");
            Security.addProvider((Provider) bouncy.getDeclaredConstructor().newInstance());
        }
        CertificateFactory factory = provider.equals("BC")
            ? CertificateFactory.getInstance("X.509", "BC")
            : CertificateFactory.getInstance("X.509");
        List<X509Certificate> chain = new ArrayList<>();
        List<Object> lists = new ArrayList<>();
        X509Certificate root = null;
        for (int i = 1; i < args.length; i++) {
            try (InputStream in = Files.newInputStream(Path.of(args[i]))) {
                if (args[i].endsWith(".crl")) {
                    lists.add(factory.generateCRL(in));
                } else if (root == null) {
                    root = (X509Certificate) factory.generateCertificate(in);
                } else {
                    chain.add((X509Certificate) factory.generateCertificate(in));
                }
            }
        }
        PKIXParameters rules = new PKIXParameters(Set.of(new TrustAnchor(root, null)));
        rules.setRevocationEnabled(!lists.isEmpty());
        rules.addCertStore(
            CertStore.getInstance("Collection", new CollectionCertStoreParameters(lists)));
        CertPath path = factory.generateCertPath(chain);
        CertPathValidator validator = provider.equals("BC")
            ? CertPathValidator.getInstance("PKIX", "BC")
            : CertPathValidator.getInstance("PKIX");
        try {
            validator.validate(path, rules);
            System.out.println("valid " + chain.get(0).getPublicKey().getAlgorithm());
        } catch (CertPathValidatorException refusal) {
            System.out.println("refused " + refusal.getMessage());
        }
    }
}
