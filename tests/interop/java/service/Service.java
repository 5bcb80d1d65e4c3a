// A service as the guides of Spring Boot and Spring Security show it: `oauth2Login`, and the
// handler of "OpenID Connect 1.0 Client-Initiated Logout". Its application.yml is what was printed.

package service;

import java.time.Duration;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.context.annotation.Bean;
import org.springframework.security.config.Customizer;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.core.annotation.AuthenticationPrincipal;
import org.springframework.security.oauth2.client.OAuth2AuthorizeRequest;
import org.springframework.security.oauth2.client.OAuth2AuthorizedClient;
import org.springframework.security.oauth2.client.OAuth2AuthorizedClientProviderBuilder;
import org.springframework.security.oauth2.client.annotation.RegisteredOAuth2AuthorizedClient;
import org.springframework.security.oauth2.client.oidc.web.logout.OidcClientInitiatedLogoutSuccessHandler;
import org.springframework.security.oauth2.client.registration.ClientRegistrationRepository;
import org.springframework.security.oauth2.client.web.DefaultOAuth2AuthorizedClientManager;
import org.springframework.security.oauth2.client.web.OAuth2AuthorizedClientRepository;
import org.springframework.security.oauth2.core.oidc.user.OidcUser;
import org.springframework.security.core.Authentication;
import org.springframework.security.web.SecurityFilterChain;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;

@SpringBootApplication
@RestController
public class Service {
  @Autowired private ClientRegistrationRepository clients;
  @Autowired private OAuth2AuthorizedClientRepository tokens;

  public static void main(String[] arguments) {
    SpringApplication.run(Service.class, arguments);
  }

  @Bean
  SecurityFilterChain security(HttpSecurity http) throws Exception {
    var leave = new OidcClientInitiatedLogoutSuccessHandler(clients);
    leave.setPostLogoutRedirectUri("{baseUrl}");
    return http.authorizeHttpRequests(
            asked -> asked.requestMatchers("/").permitAll().anyRequest().authenticated())
        .oauth2Login(Customizer.withDefaults())
        .logout(logout -> logout.logoutSuccessHandler(leave))
        .build();
  }

  @GetMapping("/me")
  String hello(@AuthenticationPrincipal OidcUser person) {
    return "Hello " + person.getFullName();
  }

  @GetMapping("/")
  String home() {
    return "Nobody is signed in";
  }

  // Spring refreshes a token that has expired; an hour of clock skew makes every token so.
  @GetMapping("/refresh")
  String refresh(
      @RegisteredOAuth2AuthorizedClient OAuth2AuthorizedClient client,
      Authentication person,
      HttpServletRequest request,
      HttpServletResponse response) {
    var manager = new DefaultOAuth2AuthorizedClientManager(clients, tokens);
    manager.setAuthorizedClientProvider(
        OAuth2AuthorizedClientProviderBuilder.builder()
            .refreshToken(with -> with.clockSkew(Duration.ofHours(1)))
            .build());
    var again =
        manager.authorize(
            OAuth2AuthorizeRequest.withAuthorizedClient(client)
                .principal(person)
                .attribute(HttpServletRequest.class.getName(), request)
                .attribute(HttpServletResponse.class.getName(), response)
                .build());
    var same = again.getAccessToken().getTokenValue().equals(client.getAccessToken().getTokenValue());
    return same ? "the same" : "refreshed";
  }
}
