import java.io.FileReader;
import java.io.FileWriter;
import java.net.Socket;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.Security;
import java.security.cert.CertificateFactory;
import java.security.cert.TrustAnchor;
import java.security.cert.X509Certificate;
import java.security.spec.ECGenParameterSpec;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import javax.net.ssl.KeyManagerFactory;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.est.ESTAuth;
import org.bouncycastle.est.ESTService;
import org.bouncycastle.est.EnrollmentResponse;
import org.bouncycastle.est.jcajce.ChannelBindingProvider;
import org.bouncycastle.est.jcajce.JcaJceUtils;
import org.bouncycastle.est.jcajce.JsseDefaultHostnameAuthorizer;
import org.bouncycastle.est.jcajce.JsseESTServiceBuilder;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.jsse.BCSSLConnection;
import org.bouncycastle.jsse.BCSSLSocket;
import org.bouncycastle.jsse.provider.BouncyCastleJsseProvider;
import org.bouncycastle.openssl.jcajce.JcaPEMWriter;
import org.bouncycastle.operator.ContentSigner;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.bouncycastle.pkcs.PKCS10CertificationRequestBuilder;
import org.bouncycastle.pkcs.jcajce.JcaPKCS10CertificationRequestBuilder;

/** Bouncy Castle's EST client through a device's life: Est.java PORT LABEL linked|plain DEVICE TOKEN */
public class Est {
    static final BouncyCastleProvider BC = new BouncyCastleProvider();
    static final char[] NONE = new char[0];

    public static void main(String[] said) throws Exception {
        Security.addProvider(BC);
        int port = Integer.parseInt(said[0]);
        String label = said[1];
        boolean linked = said[2].equals("linked");
        String device = said[3];
        Set<TrustAnchor> anchors = new HashSet<>();
        var x509 = CertificateFactory.getInstance("X.509");
        try (var file = new java.io.FileInputStream("ca.pem")) {
            for (var one : x509.generateCertificates(file)) {
                anchors.add(new TrustAnchor((X509Certificate) one, null));
            }
        }
        ESTService first = service(port, label, linked, anchors, null, null);
        System.out.println("authorities " + first.getCACerts().getCertificateStore().getMatches(null).size());
        System.out.println("attributes " + first.getCSRAttributes().hasAttributesResponse());
        // Its own HttpAuth (1.81) gives up on a 401 that explains itself, so this goes first.
        String pair = Base64.getEncoder().encodeToString((device + ":" + said[4]).getBytes());
        ESTAuth token = request -> request.addHeader("Authorization", "Basic " + pair);
        KeyPair key = newKey();
        X509Certificate certificate = enrol(first, false, linked, key, device, token);
        write("first.pem", certificate);
        System.out.println("enrolled " + certificate.getSerialNumber().toString(16));
        ESTService second = service(port, label, linked, anchors, key.getPrivate(), certificate);
        X509Certificate next = enrol(second, true, linked, newKey(), device, null);
        write("second.pem", next);
        System.out.println("renewed " + next.getSerialNumber().toString(16));
    }

    static KeyPair newKey() throws Exception {
        KeyPairGenerator generator = KeyPairGenerator.getInstance("EC", "SunEC");
        generator.initialize(new ECGenParameterSpec("secp256r1"));
        return generator.generateKeyPair();
    }

    static ESTService service(
            int port, String label, boolean linked, Set<TrustAnchor> anchors,
            PrivateKey key, X509Certificate certificate) throws Exception {
        var builder = new JsseESTServiceBuilder(
            "localhost", port, JcaJceUtils.getCertPathTrustManager(anchors, null));
        builder.withHostNameAuthorizer(new JsseDefaultHostnameAuthorizer(Collections.emptySet()));
        builder.withTimeout(20_000);
        builder.withLabel(label);
        if (linked) { // only this provider tells what a TLS connection may be known by
            builder.withProvider(new BouncyCastleJsseProvider(BC));
            builder.withTLSVersion("TLSv1.2");
            builder.withChannelBindingProvider(new ChannelBindingProvider() {
                public boolean canAccessChannelBinding(Socket socket) {
                    return socket instanceof BCSSLSocket;
                }

                public byte[] getChannelBinding(Socket socket, String binding) {
                    BCSSLConnection connection = ((BCSSLSocket) socket).getConnection();
                    return connection == null ? null : connection.getChannelBinding(binding);
                }
            });
        }
        if (key != null) {
            KeyStore store = KeyStore.getInstance("PKCS12");
            store.load(null, null);
            store.setKeyEntry("device", key, NONE, new X509Certificate[] {certificate});
            KeyManagerFactory managers = KeyManagerFactory.getInstance("SunX509");
            managers.init(store, NONE);
            builder.withKeyManagers(managers.getKeyManagers());
        }
        return builder.build();
    }

    static X509Certificate enrol(
            ESTService service, boolean again, boolean linked, KeyPair key, String device,
            ESTAuth auth) throws Exception {
        PKCS10CertificationRequestBuilder request = new JcaPKCS10CertificationRequestBuilder(
            new X500Name("CN=" + device), key.getPublic());
        ContentSigner signer = new JcaContentSignerBuilder("SHA256withECDSA").build(key.getPrivate());
        EnrollmentResponse answer = linked
            ? service.simpleEnrollPoP(again, request, signer, auth)
            : service.simpleEnroll(again, request.build(signer), auth);
        if (!answer.isCompleted()) {
            throw new IllegalStateException("the server asks to come again");
        }
        List<X509CertificateHolder> got = new ArrayList<>(answer.getStore().getMatches(null));
        return new JcaX509CertificateConverter().getCertificate(got.get(0));
    }

    static void write(String name, X509Certificate certificate) throws Exception {
        try (var writer = new JcaPEMWriter(new FileWriter(name))) {
            writer.writeObject(certificate);
        }
    }
}
