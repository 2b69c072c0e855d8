from whimbrel import models


class Person(models.Model):
    name = models.CharField(max_length=80)


class Product(models.Model):
    headline = models.CharField(max_length=200)
    price = models.DecimalField(max_digits=8, decimal_places=2)
    stock = models.PositiveIntegerField(default=0)
    author = models.ForeignKey(Person, models.CASCADE, related_name="products")

    class Meta:
        indexes = [models.Index(fields=["-price"], name="product_price")]
