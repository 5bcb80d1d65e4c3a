// Asks the EU's own library (Digital Signature Service) about signed files; it trusts our root alone.
//
//     java -cp … Dss.java FOLDER SECONDS FILE…
//
// SECONDS since 1970: when it is asked. In the folder: `root.cer`, `lists/` and, for signatures that
// stand beside their files, `beside/`. One line a file: name, verdicts, what was said.

import eu.europa.esig.dss.crl.CRLUtils;
import eu.europa.esig.dss.enumerations.RevocationOrigin;
import eu.europa.esig.dss.model.DSSDocument;
import eu.europa.esig.dss.model.InMemoryDocument;
import eu.europa.esig.dss.model.x509.CertificateToken;
import eu.europa.esig.dss.simplereport.SimpleReport;
import eu.europa.esig.dss.spi.DSSUtils;
import eu.europa.esig.dss.spi.validation.CommonCertificateVerifier;
import eu.europa.esig.dss.spi.x509.CommonTrustedCertificateSource;
import eu.europa.esig.dss.spi.x509.revocation.crl.CRLSource;
import eu.europa.esig.dss.spi.x509.revocation.crl.CRLToken;
import eu.europa.esig.dss.validation.SignedDocumentValidator;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Date;
import java.util.List;

public class Dss {
    public static void main(String[] given) throws Exception {
        Path folder = Path.of(given[0]);
        Date at = new Date(Long.parseLong(given[1]) * 1000);
        CommonTrustedCertificateSource trusted = new CommonTrustedCertificateSource();
        trusted.addCertificate(DSSUtils.loadCertificate(folder.resolve("root.cer").toFile()));
        List<DSSDocument> beside = new ArrayList<>();
        for (File one : folder.resolve("beside").toFile().listFiles()) {
            beside.add(new InMemoryDocument(Files.readAllBytes(one.toPath()), one.getName()));
        }
        for (int i = 2; i < given.length; i++) {
            CommonCertificateVerifier verifier = new CommonCertificateVerifier();
            verifier.setTrustedCertSources(trusted);
            verifier.setAIASource(null);
            verifier.setCrlSource(new Lists(folder.resolve("lists")));
            System.out.println(given[i] + said(folder.resolve(given[i]), at, verifier, beside));
        }
    }

    static String said(
        Path file, Date at, CommonCertificateVerifier verifier, List<DSSDocument> beside
    ) {
        StringBuilder line = new StringBuilder();
        try {
            String name = file.getFileName().toString();
            SignedDocumentValidator validator = SignedDocumentValidator.fromDocument(
                new InMemoryDocument(Files.readAllBytes(file), name));
            validator.setCertificateVerifier(verifier);
            validator.setValidationTime(at);
            if (name.endsWith(".json") || name.endsWith(".p7s")) {
                validator.setDetachedContents(beside);
            }
            SimpleReport report = validator.validateDocument().getSimpleReport();
            for (String id : report.getSignatureIdList()) {
                line.append(" | ").append(report.getIndication(id)).append(' ')
                    .append(report.getSubIndication(id)).append(' ')
                    .append(report.getSignatureFormat(id)).append(' ')
                    .append(report.getSignedBy(id));
                report.getAdESValidationErrors(id).forEach(
                    error -> line.append(" E:").append(error.getValue()));
            }
            if (line.length() == 0) line.append(" | NONE");
        } catch (Exception refused) {
            line.append(" | REFUSED ").append(refused);
        }
        return line.toString().replace('\n', ' ');
    }

    // What we publish: nothing is fetched.
    static class Lists implements CRLSource {
        final Path folder;

        Lists(Path folder) {
            this.folder = folder;
        }

        public CRLToken getRevocationToken(CertificateToken certificate, CertificateToken issuer) {
            for (File one : folder.toFile().listFiles()) {
                try {
                    var validity = CRLUtils.buildCRLValidity(
                        CRLUtils.buildCRLBinary(Files.readAllBytes(one.toPath())), issuer);
                    if (validity.isSignatureIntact() && validity.isIssuerX509PrincipalMatches()) {
                        CRLToken told = new CRLToken(certificate, validity);
                        told.setExternalOrigin(RevocationOrigin.EXTERNAL);
                        return told;
                    }
                } catch (Exception another) {
                    // A list of another authority.
                }
            }
            return null;
        }
    }
}
